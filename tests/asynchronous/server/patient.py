"""The proxy, which gives an idle connection more time at a stop: a busy machine may need it for one request."""

from asynchronous.app import create_app as create_app
from asynchronous.server import stopping

stopping.LINGER = 8.0
