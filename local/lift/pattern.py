"""What a recipe says about a pattern that the pattern's own files do not say."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pattern:
    """A pattern that can be lifted.

    Args:
        model: the model of this repository that its files name.
        image: its image, without the prefix.
        package: matches the name of its package in a text, and no other word.
        words: texts of its files, and what a copy has there, with its {name}, its {dashed} name or its {model}.
        profile: its profile in docker-compose.yml.
        manifests: its files in k8s/.
        start: starts the service, with the arguments of Python.
        load: Python code that loads the model as the service does, if it is not a serving program that loads it.
        run: what `make run` does, for its help.
        services: the services in docker-compose.yml that belong to a part.
        files: the files in k8s/ that belong to a part.
        without: texts of the deployment to replace if a part was removed.
        secrets: the files with passwords that compose and Kubernetes need.
        dockerfile: the Dockerfile of its image, in its folder.
        tests: what its smoke test needs besides httpx and pytest.
        asks_serving: a serving program has the model.
        quote: a quotation mark in the row that the README shows between quotation marks.
    """

    model: str
    image: str
    package: str
    words: Mapping[str, str]
    profile: str
    manifests: tuple[str, ...]
    start: str
    load: str
    run: str
    services: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    tests: tuple[str, ...] = ()
    asks_serving: bool = False
    quote: str = r"'\''"
