"""What the lift knows about each pattern that the pattern's own files do not say."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """A pattern that can be lifted.

    Args:
        model: the model of this repository that its files name.
        image: its image, without the prefix.
        package: matches the name of its package in a text, and no other word.
        words: names that its files contain, and what a copy has there, with its {name} or its {dashed} name.
        profile: its profile in docker-compose.yml.
        manifests: its files in k8s/.
        start: starts the service, with the arguments of `python -m`.
        load: Python code that loads the model as the service does.
    """

    model: str
    image: str
    package: str
    words: Mapping[str, str]
    profile: str
    manifests: tuple[str, ...]
    start: str
    load: str


PATTERNS = {
    "web_single": Pattern(
        model="iris",
        image="web-single",
        package=r"\bweb_single\b",
        words={"web-single": "{dashed}", "WEB_SINGLE_PORT": "PORT"},
        profile="web_single",
        manifests=("web-single.yaml",),
        start='gunicorn -c $name/gunicorn.conf.py "$name.app:create_app()"',
        load="from $name.app import create_app; create_app()",
    ),
}
