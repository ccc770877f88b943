"""The optional parts of the worker's parent process, which does not import gRPC."""

from collections.abc import Callable
from multiprocessing.context import SpawnContext

from ..checks.dangers import look_at_redis  # optional: checks
from ..settings import Settings
from ..supervision.slots import watched  # optional: supervision
from ..tls import check_security  # optional: tls


def check_environment(settings: Settings) -> None:
    """End the program with one line if a setting of an optional part is wrong, or STRICT_REDIS rejects this Redis."""
    check_security()  # optional: tls
    look_at_redis(settings)  # optional: checks


def replace_run_all(
    run: Callable[..., None], context: SpawnContext, prepare: Callable[..., None], work: Callable[..., None]
) -> Callable[..., None]:
    """Return the function that runs the children: `run`, or its replacement."""
    run = watched(context, prepare, work)  # optional: supervision
    return run
