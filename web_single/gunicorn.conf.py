# ruff: noqa: N999 - the name that gunicorn itself looks for
"""How gunicorn runs the service: gunicorn -c web_single/gunicorn.conf.py "web_single.app:create_app()"

gunicorn's own flags, such as --bind and --workers, have precedence over this file.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.name  # so that a copied and renamed folder runs unchanged
app = import_module(f"{PACKAGE}.app")
telemetry = import_module(f"{PACKAGE}.telemetry.master")  # optional: telemetry
master = import_module(f"{PACKAGE}.workers.master")  # optional: workers

bind = "127.0.0.1:8000"
worker_class = "uvicorn_worker.UvicornWorker"
worker_class = f"{PACKAGE}.workers.worker.Worker"  # optional: workers
worker_tmp_dir = master.SHARED_MEMORY  # optional: workers
keepalive = 75  # seconds; longer than the 60 after which common load balancers close an idle connection
graceful_timeout = 20  # seconds that a stop waits for the requests in flight
control_socket_disable = True  # its path would be the same for every gunicorn of one user
with app.exit_in_one_line():
    app.Settings()
    loglevel, logconfig_dict = telemetry.logging_config()  # optional: telemetry
    workers = master.worker_count()  # optional: workers
    graceful_timeout = int(import_module(f"{PACKAGE}.limits").LimitsSettings().body_timeout) + 10  # optional: limits


def try_model(server: Any) -> None:
    """Try in the master what workers will do, so that a refusal is one line and an exit code, not a restart loop."""
    with app.exit_in_one_line():
        app.load_model(app.Settings())


on_starting = try_model
on_starting, on_reload, when_ready = master.hooks(app)  # optional: workers
pre_fork, child_exit, on_exit = telemetry.pre_fork, telemetry.child_exit, telemetry.on_exit  # optional: telemetry
