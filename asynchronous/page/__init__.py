"""A web page to try the API with: upload digits or draw one, and watch their jobs.

Protects from: nothing; it shows how a browser uses the API.
Costs: four static files.
Instead: `/docs`, the page that FastAPI makes of the API.
Remove: delete this folder and the lines that end with "# optional: page".
"""
