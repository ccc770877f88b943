"""Every Markdown file: its links lead somewhere, and the Korean README says what the English one says."""

import re
import subprocess
from pathlib import Path

import pytest

from local.processes import ROOT

TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
DOCUMENTS = [name for name in TRACKED if name.endswith(".md") and not name.startswith("local/lift/templates/")]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def prose(name: str) -> str:
    """Return a document without its code."""
    text = FENCED.sub("", (ROOT / name).read_text())
    return re.sub(r"^    .*\n", "", re.sub(r"``.+?``|`[^`\n]+`", "code", text), flags=re.M)


def anchors(name: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", (ROOT / name).read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file_of_the_repository_and_to_a_heading_of_it(name):
    folder = (ROOT / name).parent
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve().relative_to(ROOT) if path else Path(name)
        assert any(f"{each}/".startswith(f"{target}/") for each in TRACKED), link
        page = target / "README.md" if (ROOT / target).is_dir() else target
        assert not anchor or anchor in anchors(str(page)), link


def shape(name: str) -> dict[str, list[str]]:
    """Return what a translation must not change: code, links, and the form of headings and tables."""
    text = (ROOT / name).read_text()
    blocks = [body for kind, body in FENCED.findall(text) if kind != "mermaid"]
    pictures = [re.sub(r'(\[)?".*?"(?(1)\])', "", body) for kind, body in FENCED.findall(text) if kind == "mermaid"]
    rest = FENCED.sub("", text)
    return {
        "blocks": blocks + pictures,
        "commands": re.findall(r"^    .+$", rest, re.M),
        "code": sorted(re.findall(r"`[^`\n]+`", rest)),
        "links": sorted(set(re.findall(r"\]\(([^)\s]+)\)", rest)) - {"README.md", "README.ko.md"}),
        "headings": re.findall(r"^#+ ", rest, re.M),
        "tables": [str(row.count("|")) for row in re.findall(r"^\|.*\|$", re.sub(r"`[^`\n]+`", "", rest), re.M)],
    }


def test_the_korean_readme_has_the_commands_links_headings_and_tables_of_the_english_one():
    english, korean = shape("README.md"), shape("README.ko.md")
    for part, found in english.items():
        assert korean[part] == found, part


def test_the_readme_of_the_repository_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200
