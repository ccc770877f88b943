#!/bin/sh
# Install Debian packages, or name them in one line: local/debian.sh PACKAGE...
set -eu
if [ "$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi
if $sudo true 2>/dev/null && command -v apt-get >/dev/null; then
  echo "installing Debian packages: $*"
  $sudo apt-get -qq update && $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends "$@" >/dev/null && exit
fi
echo "these Debian packages are needed and could not be installed; run: sudo apt-get install $*" >&2
exit 1
