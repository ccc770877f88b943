#!/bin/sh
# Run the suite and measure the lines of the four patterns in every process: local/coverage.sh PYTHON PYTEST_OPTION...
set -eu
python=$1
shift
rm -rf .coverage && mkdir .coverage
"$python" -m coverage run -m pytest "$@"
"$python" -m coverage combine --quiet && exec "$python" -m coverage report
