"""The README of a copy: only what is true of it."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from .lines import chosen_lines
from .order import Order
from .parts import EXTRAS, describe

TEMPLATES = Path(__file__).parent / "templates"


def write_readme(order: Order, project: Path, manifest: dict[str, Any], chosen: set[str]) -> None:
    """Write README.md from the chosen lines of the pattern's template, the model's manifest and the copy's code."""
    folder = project / "models" / manifest["name"] / str(manifest["version"])
    golden = json.loads((folder / "golden.json").read_text())
    recipe = order.recipe
    words = {
        "name": order.name,
        "dashed": order.dashed,
        "pattern": order.pattern,
        "model": manifest["name"],
        "inputs": "\n".join(_tensor(each) for each in manifest["inputs"]),
        "serving": order.serving,
        "instance": json.dumps({name: values[0] for name, values in golden["inputs"].items()}),
        "row": json.dumps(example_row(manifest, golden)).replace("'", recipe.quote),
        "path": "/predict/label" if golden.get("labels") else "/predict",
        "answer": example_answer(manifest, golden),
        "labels": ", ".join(manifest.get("labels", [])) or "none; the model answers with values",
        "parts": parts_table(order, project),
        "settings": "\n".join(f"| `{name}` | {value} | {why} |" for name, value, why in settings(project / order.name)),
    }
    text = chosen_lines((TEMPLATES / f"{order.pattern}.md").read_text(), chosen)
    text = Template(text).substitute(words)
    (project / "README.md").write_text(text)


def _tensor(tensor: dict[str, Any]) -> str:
    missing = "; may be missing (null)" if tensor.get("missing") else ""
    return f"| `{tensor['name']}` | {tensor['dtype']} | {json.dumps(tensor['shape'])}{missing} |"


def example_row(manifest: dict[str, Any], golden: dict[str, Any]) -> list[Any]:
    """Return the first golden row as a request has it: its columns in the order of the inputs."""
    row = []
    for tensor in manifest["inputs"]:
        values = np.array(golden["inputs"][tensor["name"]][0], object).ravel().tolist()
        short = tensor["dtype"] == "float32"  # 1.3 and 1.2999999523162842 are the same number
        row += [float(str(np.float32(value))) if short and value is not None else value for value in values]
    return row


def example_answer(manifest: dict[str, Any], golden: dict[str, Any]) -> str:
    """Return what the trainer answers for that row: its label, or its values."""
    if golden.get("labels"):
        return json.dumps({"prediction": golden["labels"][:1]}, separators=(",", ":"))
    values = golden["outputs"][manifest.get("output") or next(iter(golden["outputs"]))][0]
    return f"{json.dumps({'prediction': [values]})} within {golden.get('tolerance', 1e-4):g}"


def parts_table(order: Order, project: Path) -> str:
    """Return the optional parts of the copy as the rows of a table, or one line if there are none."""
    said = {part: describe(project / order.name / part) for part in order.kept}
    if not said:
        return "None."
    rows = [f"| `{part}/` | {each['Protects from']} | {each['Costs']} |" for part, each in said.items()]
    remove = "To remove one, delete its folder and the lines that end with `# optional: <folder>`."
    if (project / order.name / EXTRAS).exists():
        remove += f" Most of these lines are in `{EXTRAS}/`."
    return "\n".join(["| folder | protects from | costs |", "|---|---|---|", *rows, "", remove])


def _default(value: ast.expr | None) -> str:
    """Return a default as an environment variable has it."""
    match value:
        case None:
            return "required"
        case ast.Constant(value=None | ""):
            return "none"
        case ast.Call(keywords=[ast.keyword(arg="default", value=given), *_]):
            return _default(given)
        case ast.Constant(value=str(text)) | ast.Call(args=[ast.Constant(value=str(text))]):
            return f"`{text}`"
    return f"`{ast.unparse(value)}`"


def settings(package: Path) -> Iterator[tuple[str, str, str]]:
    """Yield each setting of the copy's code: its variable, its default, and the comment beside it."""
    for path in sorted(package.rglob("*.py")):
        text = path.read_text()
        lines = text.splitlines()
        for kind in ast.walk(ast.parse(text)) if "BaseSettings" in text else ():
            if not isinstance(kind, ast.ClassDef) or "BaseSettings" not in map(ast.unparse, kind.bases):
                continue
            for field in kind.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    default = _default(field.value)
                    comment = lines[field.end_lineno - 1 if field.end_lineno else 0].partition("  # ")[2]
                    yield field.target.id.upper(), default, comment
