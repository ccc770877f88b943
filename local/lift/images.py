"""What a copy shows and tests: an image of its own model, or other rows."""

import base64
import json
from pathlib import Path
from string import Template
from typing import Any

from .order import LiftRefused, Order
from .readme import TEMPLATES

KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"BM": "bmp"}
SAMPLES = {"synchronous": "tests/seven.png", "asynchronous": "test_image.png"}


def takes_images(manifest: dict[str, Any]) -> bool:
    """Return whether a model maps `image`, the bytes of files, to `label` and `probability`."""
    inputs = [(each["name"], each["dtype"], each["shape"]) for each in manifest["inputs"]]
    return inputs == [("image", "string", [None])] and {"label", "probability"} <= {
        o["name"] for o in manifest["outputs"]
    }


def fit_tests(order: Order, copy: Path, version: Path, manifest: dict[str, Any]) -> None:
    """Let the smoke test check golden answers: an image and its label, or the answers to all rows."""
    test = copy / "tests" / "test_smoke.py"
    sample = copy / SAMPLES[order.pattern]
    sample.unlink()
    if not takes_images(manifest):
        words = {"name": order.name, "model": manifest["name"]}
        test.write_text(Template((TEMPLATES / "golden_test.txt").read_text()).substitute(words))
        return
    golden = json.loads((version / "golden.json").read_text())
    image, label = base64.b64decode(golden["inputs"]["image"][0]["b64"]), golden["outputs"]["label"][0]
    kind = next((kind for magic, kind in KINDS.items() if image.startswith(magic)), None)
    if kind is None:
        raise LiftRefused(f"MODEL={order.model}: its first golden image is not a PNG, JPEG, GIF or BMP file")
    sample.with_name(f"sample.{kind}").write_bytes(image)
    constant = f"LABEL = {json.dumps(label, ensure_ascii=False)}"
    words = {
        "\nSEVEN = ": f"\n{constant}\nSAMPLE = ",
        "\nIMAGE = FILE": f"\n{constant}\nIMAGE = FILE",
        "SEVEN": "SAMPLE",
    }
    words |= {sample.name: f"sample.{kind}", "image/png": f"image/{kind}", '"7"': "LABEL", "0.5 <": "0 <"}
    for path in filter(Path.exists, (test, copy / "page" / "sample.py")):
        text = path.read_text()
        for old, new in words.items():
            text = text.replace(old, new)
        path.write_text(text)
