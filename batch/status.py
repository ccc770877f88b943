"""`python -m batch.status`"""  # optional: runs

from .runs.status import app  # optional: runs

if __name__ == "__main__":  # optional: runs
    app()  # optional: runs
