"""`python -m batch.export`"""  # optional: files

from .files.export import app  # optional: files

if __name__ == "__main__":  # optional: files
    app()  # optional: files
