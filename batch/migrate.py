"""`python -m batch.migrate`"""

from .migrations.command import app

if __name__ == "__main__":
    app()
