"""What the lift knows about each pattern that the pattern's own files do not say."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
        run: what `make run` does, for its help.
        services: the services in docker-compose.yml that belong to a part.
        files: the files in k8s/ that belong to a part.
        without: texts of the deployment to replace if a part was removed.
        secrets: the files with passwords that compose and Kubernetes need.
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
    quote: str = r"'\''"


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
        run="the service on http://127.0.0.1:8000",
    ),
    "batch": Pattern(
        model="iris",
        image="batch",
        package=r"\bbatch(?=\.\w)",
        words={
            "COPY batch batch": "COPY {name} {name}",
            "/batch batch": "/{name} {name}",
            "batch/requirements.txt batch/": "{name}/requirements.txt {name}/",
            "batch/requirements.txt": "{name}/requirements.txt",
            "batch/Dockerfile": "{name}/Dockerfile",
            'title="batch"': 'title="{name}"',
            "[batch, batch-backfill, batch-seed]": "[{dashed}]",
            "batch-cronjob.yaml, components/backfill and components/seed": "{dashed}-cronjob.yaml",
            "name: batch": "name: {dashed}",
            "`batch`": "`{dashed}`",
            "the batch pattern": "{name}",
            "BATCH_PORT": "PORT",
            "BATCH_SEED_ROWS": "SEED_ROWS",
            "batch-": "{dashed}-",
        },
        profile="batch",
        manifests=("batch-cronjob.yaml", "batch-network-policy.yaml", "mysql.yaml", "batch-api.yaml"),
        start="$name.job",
        load="from $name.job import load_model, load_settings; load_model(load_settings())",
        run="one run of the job, over the rows in .run/$name.sqlite3",
        services={"batch-seed": "seed", "batch-api": "api"},
        files={"batch-api.yaml": "api"},
        without={
            "scope": {
                ', --deadline, "3000"': "",
                " # the job stops itself 300 s earlier and leaves the remaining rows to the next hour": "",
            },
        },
        secrets=("mysql_password", "mysql_root_password"),
        quote="''",
    ),
}
