"""An environment for each peer, with the packages that its file lists in the form of PEP 723."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.processes import ProgramFailed

from ..load import LoadFailed
from ..report import Figure

UV = Path(sys.executable).with_name("uv")
LONGEST_REASON = 200


class NotMeasured(Exception):
    """A peer cannot be measured; the message says why."""


@dataclass(frozen=True)
class Peer:
    """A file that runs in an environment of its own."""

    name: str
    file: Path

    @property
    def requirements(self) -> list[str]:
        """The packages that the file lists, with exact versions."""
        block = re.search(r"^# /// script\n((?:# .*\n)+)# ///$", self.file.read_text(), re.M)
        lines = [line.removeprefix("# ") for line in block[1].splitlines()] if block else []
        return list(tomllib.loads("\n".join(lines)).get("dependencies", []))

    def install(self, folder: Path) -> Path:
        """Install the packages into a new environment in `folder`; return its Python.

        Raises:
            NotMeasured: the packages cannot be installed.
        """
        python = folder / self.file.stem / "bin" / "python"
        _run([str(UV), "venv", "--quiet", "--python", sys.executable, str(python.parent.parent)])
        _run([str(UV), "pip", "install", "--quiet", "--python", str(python), "--requirements", str(self.file)])
        return python


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasured(f"it cannot be installed: {one_line(done.stderr)}")


def one_line(text: str) -> str:
    """Return an error as one line for a table, only its end if it is long, without URLs, folders and frames."""
    words = re.sub(r"/\S*/", "", re.sub(r"\S+://\S+", "URL", text)).replace("|", "/").split()
    plain = " ".join(word for word in words if not re.fullmatch(r"\W+", word))
    return plain if len(plain) <= LONGEST_REASON else f"… {plain[-LONGEST_REASON:]}"


@dataclass
class Sides:
    """The rounds of ours and of each peer, and why a peer was not measured."""

    rounds: dict[str, list[Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def take_turns(self, rounds: int, measures: Mapping[str, Callable[[], Any]], may_fail: Collection[str]) -> None:
        """Measure each side in each round. A side of `may_fail` that fails is left out from then on."""
        self.rounds = {name: [] for name in measures}
        for _ in range(rounds):
            for name in measures:
                if name not in self.failed:
                    self._measure(name, measures[name], name in may_fail)

    def _measure(self, name: str, measure: Callable[[], Any], may_fail: bool) -> None:
        print(f"{name} ...", file=sys.stderr)
        try:
            self.rounds[name].append(measure())
        except (NotMeasured, ProgramFailed, LoadFailed, TimeoutError, subprocess.SubprocessError) as error:
            if not may_fail:
                raise
            self.failed[name] = one_line(str(error))

    def as_json(self, pattern: str, peers: Iterable[Peer], figures: Mapping[str, list[Figure]]) -> dict[str, Any]:
        """Return what the program prints: the figures of each peer, and why the others were not measured."""
        versions = {peer.name: peer.requirements for peer in peers if peer.name not in self.failed}
        rows = {name: [figure.as_json() for figure in found] for name, found in figures.items()}
        return {"pattern": pattern, "figures": rows, "not_measured": self.failed, "versions": versions}
