"""Database URLs as providers write them, passwords that rotate, connections to a server that became read-only.

Protects from: tracebacks for a URL, a password that is read once, writes that fail forever after a failover.
Costs: a check of DATABASE_URL at each start, and one read of the password's file for each connection.
Instead: a URL that SQLAlchemy and PyMySQL accept, with its password, and a restart after a rotation or failover.
Remove: delete this folder and the lines that end with "# optional: connections"
"""

from .address import read_address
from .heal import heal

__all__ = ["heal", "read_address"]
