"""A transaction is tried again after a deadlock, a lock wait or a lost connection.

Protects from: a run that ends because the database restarts, fails over, or rolls back its chunk in a deadlock.
Costs: a run waits for DATABASE_RETRY_SECONDS before it reports an unavailable database; `tenacity` in the image.
Instead: let the scheduler start the run again; the rows that are done stay done.
Remove: delete this folder and the lines that end with "# optional: retry"
"""

from .retry import is_transient, retrying

__all__ = ["is_transient", "retrying"]
