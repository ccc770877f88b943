"""The same command line as `python -m synchronous.client`, with what other optional folders add to it."""

from ..client import command

command()
