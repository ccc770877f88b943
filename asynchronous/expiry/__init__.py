"""End expired jobs in a queue that no worker empties.

Protects from: a queue that stays full of expired jobs while no worker runs.
Costs: a read of the queue's head each second for each proxy.
Instead: workers that always run; they end expired jobs when they claim them.
Remove: delete this folder and the lines that end with "# optional: expiry".
"""
