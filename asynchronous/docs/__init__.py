"""`/docs` without a CDN, behind any prefix, under a strict Content-Security-Policy.

Protects from: an empty page on machines that reach no CDN, and scripts of others in your pages.
Costs: 3 MB of scripts and styles, from the package fastapi-offline.
Instead: FastAPI's own /docs, which loads them from a CDN.
Remove: delete this folder and the lines that end with "# optional: docs".
"""
