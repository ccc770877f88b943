"""Leases that are renewed while a batch runs."""

import time

from local.processes import wait_until


def test_a_lease_that_is_renewed_does_not_lapse(make):
    queue, consumer = make(lease=0.4)
    queue.put()
    one, until = consumer("a"), time.monotonic() + 1.2
    one.claim(1)
    while time.monotonic() < until:
        one.renew()
        assert consumer("b").claim(0.05) == []
    wait_until(lambda: consumer("b").claim(0.05), 5, "the lease to lapse")
