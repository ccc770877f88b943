#!/bin/sh
# Create .venv, with uv, from a Python that the packages support: local/venv.sh PYTHON UV_VERSION
set -eu
python=$1 version=$2
sh local/python_version.sh "$python"
"$python" -c "import ensurepip" 2>/dev/null || sh local/debian.sh python3-venv
"$python" -m venv --clear .venv
# The user's pip settings may name a target outside the environment.
env -u PIP_TARGET -u PIP_PREFIX PIP_USER=0 PIP_REQUIRE_HASHES=0 .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$version"
