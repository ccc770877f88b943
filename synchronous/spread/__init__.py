"""Calls are spread over all servers behind one or several addresses, and reach new servers within a minute.

Protects from: idle servers behind a name with many addresses, and failed calls when one of them leaves.
Costs: a new connection to each server every 20 seconds.
Instead: a proxy or a service mesh that balances each call, such as Envoy or Linkerd.
Remove: delete this folder and the lines that end with "# optional: spread"
"""

from collections.abc import Callable
from typing import Any

from .channel_pool import ChannelPool


def spread(open_channel: Callable[..., Any], target_of: Callable[[str], str], addresses: str) -> ChannelPool:
    """Return a channel to all of `addresses`, which commas separate.

    Raises:
        ValueError: one of them is not a valid address.
    """
    return ChannelPool(open_channel, [target_of(address.strip()) for address in addresses.split(",")])
