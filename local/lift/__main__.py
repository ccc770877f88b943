"""Write a service of your own: a pattern of this repository around your model, with the parts you choose."""

import argparse
import sys
from pathlib import Path

from ..processes import exit_on_signals
from .form import ask
from .lift import lift
from .order import COPY, LiftRefused, Order, check_name, check_pattern, check_serving, check_target, choose_parts
from .patterns import PATTERNS
from .update import update


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 1, with one line on stderr, if it is refused."""
    exit_on_signals(143)
    try:
        asks = not (sys.argv[1:] if arguments is None else arguments) and sys.stdin.isatty()
        given = parse(ask() if asks else arguments)
        if given.update:
            return update(given.update)
        return lift(read_order(given), smoke=not given.no_smoke)
    except LiftRefused as error:
        print(f"lift: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("lift: interrupted; nothing was written", file=sys.stderr)
        return 130


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser("python -m local.lift", description=__doc__)
    add = parser.add_argument
    add("--pattern", default="", help=", ".join(PATTERNS))
    add("--to", type=Path, help="the new folder")
    add("--model", type=Path, help="a packaged model, an ONNX file, or a SavedModel")
    add("--name", help="of the new package (default: the name of the new folder)")
    add("--without", type=str.split, help="parts that the copy does not have")
    add("--only", type=str.split, help="parts that it has, and no others (default: all)")
    add("--golden", type=Path, help="for a file that is not packaged: rows with the answers of its trainer")
    add("--labels", help="for a file that is not packaged: a,b in the order of the probabilities")
    add("--serving", default=COPY, help="copy, or the host:port of a serving program that has the model")
    add("--update", type=Path, metavar="COPY", help="print what changed here since a copy was lifted, as a patch")
    add("--no-smoke", action="store_true", help="do not run the smoke test")
    return parser.parse_args(arguments)


def read_order(given: argparse.Namespace) -> Order:
    """Return what is ordered, or raise `LiftRefused`."""
    pattern = check_pattern(given.pattern)
    for name in ("to", "model"):
        if getattr(given, name) is None:
            raise LiftRefused(f"{name.upper()} is missing; for example {name.upper()}={EXAMPLES[name]}")
    target = check_target(given.to)
    name = check_name(given.name or target.name)
    if not given.model.exists():
        raise LiftRefused(f"MODEL={given.model}: does not exist")
    labels = tuple(label.strip() for label in given.labels.split(",")) if given.labels else ()
    removed = choose_parts(pattern, given.without, given.only)
    serving = check_serving(pattern, given.serving)
    return Order(pattern, target, name, removed, given.model.absolute(), given.golden, labels, serving)


EXAMPLES = {"to": "../churn", "model": "models/artifacts/iris"}

if __name__ == "__main__":
    sys.exit(main())
