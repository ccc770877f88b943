"""Find a name that comes twice in one object of a JSON text. The parser keeps the last value and drops the others.

Twin: web_single/columns, web_single/open_inference and batch/api hold this file byte for byte.
"""

import json
from collections import Counter
from typing import Any


def repeated_name(text: bytes | bytearray, names: int) -> str | None:
    """Return a name that comes twice in one object, or None. `names` is how many names the parsed objects have.

    A colon follows each name. So only a text with more colons is parsed again; its strings may hold them, too.
    """
    if text.count(b":") == names:
        return None
    twice: list[str] = []

    def find(pairs: list[tuple[str, Any]]) -> None:
        twice.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)

    json.loads(text, object_pairs_hook=find, parse_int=float)  # int refuses more than 4,300 digits
    return twice[0] if twice else None
