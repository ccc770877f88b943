# ruff: noqa: N999 - the name that gunicorn itself looks for
"""How gunicorn runs the service: gunicorn -c web_single/gunicorn.conf.py "web_single.app:create_app()"

gunicorn's own flags, such as --bind and --workers, have precedence over this file.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.name  # so that a copied and renamed folder runs unchanged
app = import_module(f"{PACKAGE}.app")


def on_starting(server: Any) -> None:
    """Try in the master what workers will do, so that a refusal is one line and an exit code, not a restart loop."""
    with app.exit_in_one_line():
        app.load_model(app.Settings())


bind = "127.0.0.1:8000"
worker_class = "uvicorn_worker.UvicornWorker"
keepalive = 75  # seconds; longer than the 60 after which common load balancers close an idle connection
graceful_timeout = 20  # seconds that a stop waits for the requests in flight
control_socket_disable = True  # its path would be the same for every gunicorn of one user
# gunicorn reads this module's names. The optional parts replace some of those above.  # optional: extras
globals().update(import_module(f"{PACKAGE}.extras.gunicorn_conf").gunicorn_settings(app))  # optional: extras
