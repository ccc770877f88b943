"""Ask on a terminal for the arguments of the command line."""

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console
from rich.prompt import Confirm, Prompt

from ..processes import ROOT
from .order import COPY, LiftRefused, check_name, check_pattern, check_serving, check_target
from .parts import describe, optional_folders
from .patterns import PATTERNS

console = Console(highlight=False)


def ask() -> list[str]:
    """Return the arguments that the answers give, and print them as a `make lift` command."""
    pattern = _until_valid(f"Which pattern? {', '.join(PATTERNS)}", check_pattern)
    target = _until_valid("Which new folder?", lambda text: check_target(Path(text)))
    name = _until_valid("Under which name?", check_name, target.name)
    packaged = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "models" / "artifacts").glob("*"))]
    model = _until_valid(
        f"Which model? A packaged one ({', '.join(packaged)}), an ONNX file, or a SavedModel", _existing
    )
    given = {"PATTERN": pattern, "TO": str(target), "NAME": name, "MODEL": str(model)}
    if model.is_file() or ((model / "saved_model.pb").is_file() and not (model / "manifest.json").is_file()):
        given["GOLDEN"] = str(_until_valid("Which file has rows with the trainer's answers?", _existing))
    if PATTERNS[pattern].asks_serving:
        question = "Copy the serving program too (copy), or ask another one (its host:port)?"
        given["SERVING"] = _until_valid(question, lambda text: check_serving(pattern, text), COPY)
    given["WITHOUT"] = " ".join(part for part in optional_folders(pattern) if not _is_wanted(pattern, part))
    console.print("make lift", *(f"{key}={quote(value)}" for key, value in given.items()), soft_wrap=True)
    return [word for key, value in given.items() for word in (f"--{key.lower()}", value)]


def _is_wanted(pattern: str, part: str) -> bool:
    said = describe(ROOT / pattern / part)
    console.print(f"\n[bold]{part}[/bold] protects from {said['Protects from']} It costs {said['Costs']}")
    return Confirm.ask("Keep it?", default=True)


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.exists():
        raise LiftRefused(f"{path}: does not exist")
    return path


def _until_valid(question: str, check: Callable[[str], Any], default: str | None = None) -> Any:
    """Ask until the answer is accepted."""
    while True:
        try:
            answer = Prompt.ask(question, default=default) if default else Prompt.ask(question)
            return check(answer)
        except LiftRefused as error:
            console.print(str(error))
