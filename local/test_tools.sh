#!/bin/sh
# Install what the tests and benchmarks need from Debian, or name it in one line: local/test_tools.sh PYTHON [TOOL...]
# It looks for the programs and libraries that are used, not for the packages that usually bring them.
set -eu
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
python=$1
shift

has() { # any of the programs PROGRAM...
  for program in "$@"; do ! command -v "$program" >/dev/null || return 0; done
  return 1
}

has_library() { # NAME; other systems than Linux bring their own
  [ "$(uname)" != Linux ] || ldconfig -p | grep -q "$1"
}

packages_for() { # TOOL: print the packages whose programs or libraries are missing
  case $1 in
    python) .venv/bin/python -c "" 2>/dev/null || "$python" -c "import ensurepip" 2>/dev/null || echo python3-venv ;;
    mariadb) # a MySQL creates its own data folder
      has mariadbd mysqld || echo mariadb-server-core
      has mariadb-install-db || { has mysqld && ! has mariadbd; } || echo mariadb-server-core
      has my_print_defaults || echo mariadb-client-core ;;
    redis) has redis-server redis-check-rdb || echo redis-tools ;; # its redis-check-rdb is the server, and no service starts
    chromium) # the shell needs no window system, so Debian installs less for it
      has chromium-headless-shell chromium chromium-browser google-chrome || echo chromium-headless-shell ;;
    browser-driver) has_library 'libatomic\.so\.1' || echo libatomic1 ;; # for the Node.js in Playwright's wheel
    lightgbm) has_library 'libgomp\.so\.1' || echo libgomp1 ;; # and for XGBoost: their wheels do not bring it
    wrk) has wrk || echo wrk ;;
    promtool) has promtool || echo prometheus ;;
    haproxy) has haproxy || echo haproxy ;;
    openssl) has openssl || echo openssl ;;
    curl) has curl || echo curl ;; # the READMEs' commands
    *) echo "no such tool: $1" >&2 && exit 2 ;;
  esac
}

[ $# -gt 0 ] || set -- python mariadb redis chromium browser-driver lightgbm wrk promtool haproxy openssl curl
missing() { for tool in "$@"; do packages_for "$tool"; done | sort -u; }
packages=$(missing "$@")
[ -z "$packages" ] || sh local/debian.sh $packages
packages=$(missing "$@")
[ -z "$packages" ] || { echo "something is still missing after installing" $packages >&2; exit 1; }
