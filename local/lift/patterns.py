"""The patterns that can be lifted."""

from .behind_serving import ASYNCHRONOUS, SYNCHRONOUS
from .pattern import Pattern

PATTERNS = {
    "web_single": Pattern(
        model="iris",
        image="web-single",
        package=r"\bweb_single\b",
        words={"web-single": "{dashed}", "WEB_SINGLE_PORT": "PORT"},
        profile="web_single",
        manifests=("web-single.yaml",),
        start='-m gunicorn -c $name/gunicorn.conf.py "$name.app:create_app()"',
        load="from $name.app import create_app; create_app()",
        run="the service on http://127.0.0.1:8000",
    ),
    "synchronous": SYNCHRONOUS,
    "asynchronous": ASYNCHRONOUS,
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
        start="-m $name.job",
        load=(
            "from $name.job import Settings, load, open_artifact; settings = Settings(); "
            "load(open_artifact(settings.model_dir, settings.model_version, keep=None))"
        ),
        run="one run of the job, over the rows in .run/$name.sqlite3",
        services={"batch-seed": "seed", "batch-api": "api"},
        files={"batch-api.yaml": "api"},
        without={
            "summary": {", --json": ""},
            "scope": {
                ', --deadline, "3000"': "",
                " # the job stops itself 300 s earlier and leaves the remaining rows to the next hour": "",
            },
        },
        secrets=("mysql_password", "mysql_root_password"),
        quote="''",
    ),
}
