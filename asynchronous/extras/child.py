"""The optional parts of the worker's child processes."""

from collections.abc import Callable
from typing import Any

from ..loop import Loop
from ..model import CHANNEL_OPTIONS  # optional: tls
from ..outages.patient import wait_for_model  # optional: outages
from ..renewing.renewal import renew_leases  # optional: renewing
from ..settings import Settings
from ..sharing.claims import share_claims  # optional: sharing
from ..spread import spread  # optional: spread
from ..supervision.child import show_life  # optional: supervision
from ..throughput.quick_batches import skip_records  # optional: throughput
from ..tls import secure  # optional: tls


def wrap_open_channel(open_channel: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that opens a channel to SERVING_GRPC: `open_channel`, as optional parts wrap it."""
    open_channel = secure(open_channel, CHANNEL_OPTIONS)  # optional: tls
    open_channel = spread(open_channel)  # optional: spread
    return open_channel


def add_to(loop: Loop, settings: Settings, connect: Callable[..., Any]) -> None:
    """Add the optional parts to the loop of one process."""
    # In this order: some of them replace a part of the loop, and the following ones may wrap it.
    wait_for_model(loop, settings, connect)  # optional: outages
    renew_leases(loop, settings)  # optional: renewing
    share_claims(loop, settings)  # optional: sharing
    show_life(loop)  # optional: supervision
    skip_records(loop, settings)  # optional: throughput
