"""A page in the browser, at `/`: move a slider for each input of the model, see its answer, copy the same call as curl.

Protects from: nothing; it shows what the model answers, and how a client asks it.
Costs: four static files, and one more route at `/` for clients that accept HTML.
Instead: `/docs`, where a request can be tried, too.
Remove: delete this folder and the lines that end with "# optional: page"
"""

from .files import add_page

__all__ = ["add_page"]
