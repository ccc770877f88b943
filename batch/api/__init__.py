"""An HTTP API over the table: rows page by page, new rows in, metrics. It predicts nothing; the job does that.

Protects from: every producer and consumer of rows needing the database's password and the table's layout.
Costs: one more process, with FastAPI, uvicorn and prometheus-client in the image.
Instead: let them use the table itself; a metrics exporter for your database can run the two queries in `metrics.py`.
Remove: delete this folder, the lines that end with "# optional: api", and HEALTHCHECK and CMD in the Dockerfile.
"""

from .app import create_app

__all__ = ["create_app"]
