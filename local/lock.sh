#!/bin/sh
# Pin every extra of pyproject.toml in the folder that installs it: hashes, no addresses, the same versions everywhere.
set -eu
all=$(mktemp)
trap 'rm -f "$all"' EXIT
# Only the message modules of the framework's wheel are used, so its own dependencies stay out of the lock.
framework="absl-py astunparse charset-normalizer flatbuffers gast google-pasta h5py keras libclang ml-dtypes namex numpy
opt-einsum optree requests setuptools six termcolor urllib3 wheel wrapt"
words="markdown-it-py mdurl pygments rich"

pin() { # EXTRA FILE [OPTION...]
  extra=$1 file=$2
  shift 2
  echo "$file"
  "$UV" pip compile --quiet --universal --upgrade --generate-hashes --no-annotate --no-header \
    --python-version 3.11 --extra "$extra" "$@" --output-file "$file" pyproject.toml
}

"$UV" pip compile --quiet --universal --upgrade --all-extras --no-header --python-version 3.11 \
  --output-file "$all" pyproject.toml
for pattern in web_single serving batch local models; do
  pin $pattern $pattern/requirements.txt --constraint "$all"
done
pin ray batch/ray/requirements.txt --constraint "$all"
pin kuberay batch/ray/requirements-kuberay.txt --constraint "$all"
without() { for package in "$@"; do echo "--no-emit-package $package"; done; }
pin asynchronous asynchronous/requirements.txt --constraint "$all" $(without $framework $words)
pin synchronous synchronous/requirements.txt --constraint "$all" $(without $framework)
pin iris models/requirements-iris.txt --constraint "$all"
pin dev requirements-dev.txt --constraint "$all"
