"""Peers: other programs that do the same work as a pattern, with their best documented settings.

    python -m benchmarks.peers.web_single|asynchronous|batch [--only NAME] [--rounds N]

Each file `with_<peer>.py` runs in a new environment, with the packages that its first lines list. No lock of ours
contains them. A peer that cannot be installed or started is named with the reason, and the others are measured.
"""
