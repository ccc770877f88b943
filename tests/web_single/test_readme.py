import ast
import json
import re
import subprocess

from local.processes import ROOT
from tests.containers import settings_fields

from .conftest import Client

FOLDER = ROOT / "web_single"
README = (FOLDER / "README.md").read_text()


def test_the_request_that_the_readme_shows_gets_the_answer_that_it_shows(client: Client) -> None:
    body, path = re.search(r"-d '(.+?)' \\\n +http://127.0.0.1:8000(/predict\S*)", README).groups()
    answer = re.search(r"## What you should see\n\n +(\{.+\})\n", README)[1]
    assert client.post(path, json=json.loads(body)).text == answer


def test_the_readme_names_every_setting() -> None:
    table = README.partition("## Settings")[2].partition("## Copy it")[0]
    names = {name for row in re.findall(r"^\| (`.+?`) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert names == {name.upper() for name in settings_fields("web_single")} | {"WEB_CONCURRENCY"}


def test_the_readme_names_every_optional_folder_and_each_says_how_to_remove_it() -> None:
    tracked = subprocess.run(["git", "ls-files", "web_single"], cwd=ROOT, check=True, capture_output=True, text=True)
    folders = {name.split("/")[1] for name in tracked.stdout.split() if name.count("/") > 1} - {"tests"}
    assert set(re.findall(r"^\| `(\w+)/` \|", README, re.M)) == folders
    for folder in folders:
        text = ast.get_docstring(ast.parse((FOLDER / folder / "__init__.py").read_text()))
        heads = [line.partition(":")[0] for line in text.splitlines()[-4:]]
        assert heads == ["Protects from", "Costs", "Instead", "Remove"]
        assert text.endswith(f'delete this folder and the lines that end with "# optional: {folder}"')
