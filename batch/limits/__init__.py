"""A model whose labels or version the table's columns cannot hold is refused when it is loaded.

Protects from: a run that fails at its first write, each hour again, with the words of the database.
Costs: nothing but 20 lines to read.
Instead: folders of models with short numbers as names, and labels of at most 255 characters.
Remove: delete this folder and the lines that end with "# optional: limits"
"""

from .limits import check_limits

__all__ = ["check_limits"]
