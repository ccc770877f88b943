"""Clients of every kind: HEAD, a byte order mark, a stripped prefix, browsers on other origins (CORS_ORIGINS).

Protects from: probes that get 405, bodies of Windows tools that are "Invalid JSON", calls that browsers block.
Costs: two layers of middleware around each request.
Instead: a reverse proxy that does the same.
Remove: delete this folder and the lines that end with "# optional: compatibility"
"""
