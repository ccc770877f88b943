#!/bin/sh
# Remove the environment, the models, the logs and all caches.
rm -rf .venv .run .coverage models/artifacts .mypy_cache .pytest_cache .ruff_cache .hypothesis
exec find . -name __pycache__ -prune -exec rm -rf {} +
