"""Reach Redis through Sentinels or as a cluster, and keep using good connections while Redis refuses new ones.

Protects from: a failover that needs a new REDIS_URL; a pool that tries a broken connection again and again.
Costs: a look-up of the master, or of the cluster's nodes, for each new connection.
Instead: a Service, HAProxy or DNS name that always leads to the master.
Remove: delete this folder and the lines that end with "# optional: connections".
"""
