#!/bin/sh
# Exit with a one-line message unless the packages support PYTHON: local/python_version.sh PYTHON
check='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
if [ -z "$1" ] || ! "$1" -c "$check"; then
  echo "Python 3.11, 3.12 or 3.13 is needed; PYTHON=... names one" >&2
  exit 1
fi
