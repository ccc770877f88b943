"""The texts of this repository with the names of a copy and of its model."""

import re
from collections.abc import Callable
from typing import Any

from .order import Order
from .serving import address_words

# A copy has no twins. What is left of a docstring is one line, or ends with a line of its own.
TWIN = re.compile(r'"""((?:(?!""").)*?)\n\nTwin: (?:(?!""").)*"""', re.S)


def renamer(order: Order, manifest: dict[str, Any]) -> Callable[[str], str]:
    """Return a function that gives a text of this repository the names of the copy."""
    recipe, model = order.recipe, manifest["name"]
    said = {"name": order.name, "dashed": order.dashed, "model": model, "version": manifest["version"]}
    words = {
        f"models/artifacts/{recipe.model}": f"models/{model}",
        f'"models" / "artifacts" / "{recipe.model}"': f'"models" / "{model}"',
        f"/models/{recipe.model}": f"/models/{model}",
        f"/artifacts/{recipe.model}": f"/artifacts/{model}",
        f"serving-patterns/{recipe.image}": order.dashed,
        f"{order.pattern}/README.md": "README.md",
        "build one with `make models`": "put one there",
        **{old: new for part in order.removed for old, new in recipe.without.get(part, {}).items()},
        **address_words(order),
        **{old: new.format(**said) for old, new in recipe.words.items()},
    }
    anything = re.compile("|".join(f"({re.escape(old)})" for old in words) + f"|{recipe.package}")
    replacements = list(words.values())

    def rename(text: str) -> str:
        text = TWIN.sub(lambda said: f'"""{said[1]}"""' if "\n" not in said[1] else f'"""{said[1]}\n"""', text)
        return anything.sub(lambda m: replacements[m.lastindex - 1] if m.lastindex else order.name, text)

    return rename
