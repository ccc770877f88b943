"""Lines of a template that only some copies have."""

import re
from collections.abc import Collection

from .order import Order


def flags(order: Order, images: bool) -> set[str]:
    """Return the flags that the lines of a template may name: the kept parts, and what the copy does."""
    found = {"images" if images else "rows", order.pattern, *(f"{part}/" for part in order.kept)}
    found |= {"serving" if order.copies_serving else "address"} if order.recipe.asks_serving else set()
    asks = order.pattern == "synchronous" and not order.copies_serving
    found |= {f"address-{'images' if images else 'rows'}" if asks else "-served"}
    found |= {"redis"} if order.pattern == "asynchronous" else set()
    if order.pattern == "asynchronous" or order.copies_serving:
        return found | {"with_servers"}
    return found | {"alone"}


def chosen_lines(text: str, flags: Collection[str]) -> str:
    """Return a text without the lines `?flag ...` whose flag is not given; the others lose the mark."""
    return re.sub(r"^\?([^ \n]+)(?: (.*))?\n", lambda m: f"{m[2] or ''}\n" if m[1] in flags else "", text, flags=re.M)
