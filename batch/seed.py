"""`python -m batch.seed`"""  # optional: files

from .files.seed import app  # optional: files

if __name__ == "__main__":  # optional: files
    app()  # optional: files
