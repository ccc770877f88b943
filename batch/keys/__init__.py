"""Rows with a key of their owner, and requests that may be sent again: what was stored once is not stored twice.

Protects from: duplicates when a producer does not know whether its rows arrived, and rows that nobody can find again.
Costs: a query for the keys of each request, a unique index, and a row in `posts` for each request with a header.
Instead: compare what is stored before you send again. Without this folder a key that is stored is refused.
Remove: delete this folder and the lines that end with "# optional: keys"
"""

from .posts import Post, add_post
from .rows import KeyTaken, add_once

__all__ = ["KeyTaken", "Post", "add_once", "add_post"]
