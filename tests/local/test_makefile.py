import os
import shutil
import subprocess

import pytest

from local.processes import ROOT

# Replaces Python, the interpreter that `-m venv` creates, and the uv that pip installs. It records each call.
FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >> calls
case "$*" in
    "-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"-m pip "*) cp "$0" .venv/bin/uv; env | grep ^PIP_ > pip ;;
esac
"""


@pytest.fixture
def make(tmp_path):
    """Run make in a new folder, where nothing is installed or built, with a script that replaces Python."""
    for name in (
        "Makefile",
        "local/development.mk",
        "models/iris.py",
        "models/golden.py",
        "models/manifest.py",
        "local/venv.sh",
        "local/python_version.sh",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "models" / "requirements-iris.txt").touch()
    python = tmp_path / "python"

    def call(script, **environment):
        python.write_text(script)
        python.chmod(0o755)
        env = {key: value for key, value in os.environ.items() if "MAKE" not in key} | environment
        argv = ["make", "demo", "PATTERN=web_single", f"PYTHON={python}"]
        return subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)

    return call


def test_each_step_waits_for_the_previous_step_even_when_make_runs_jobs_in_parallel(make, tmp_path):
    done = make(FAKE, MAKEFLAGS="-j4")
    assert done.returncode == 0, done.stderr
    calls = [" ".join(line.split()[:3]) for line in (tmp_path / "calls").read_text().splitlines()]
    assert calls[-3:] == ["uv pip install", "python -m models.iris", "python -m local.demo"]


def test_pip_installs_into_the_environment_whatever_the_users_settings_of_pip_are(make, tmp_path):
    done = make(FAKE, PIP_USER="1", PIP_TARGET="/elsewhere", PIP_PREFIX="/elsewhere", PIP_REQUIRE_HASHES="1")
    assert done.returncode == 0, done.stderr
    settings = set((tmp_path / "pip").read_text().splitlines())
    assert {"PIP_USER=0", "PIP_REQUIRE_HASHES=0"} <= settings
    assert not [setting for setting in settings if "elsewhere" in setting]


@pytest.fixture
def test_tools(tmp_path):
    """Run `make test-tools` where only basic programs and the given scripts are installed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "env", "grep", "sort", "uname", "make"):
        (programs / name).symlink_to(shutil.which(name))
    (tmp_path / "local").mkdir()
    for name in (
        "Makefile",
        "local/development.mk",
        "local/test_tools.sh",
        "local/debian.sh",
        "local/python_version.sh",
    ):
        shutil.copy(ROOT / name, tmp_path / name)

    tools = tmp_path / "local" / "test_tools.sh"
    tools.write_text(tools.read_text().replace(":/usr/local/sbin:/usr/sbin:/sbin", ""))

    def run(scripts):
        for name, script in scripts.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        argv, env = ["make", "test-tools", "PYTHON=python"], {"PATH": str(programs)}
        return subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)

    return run


WITHOUT_VENV = 'case "$*" in *ensurepip*) exit 1 ;; esac'
NEEDED = "chromium-headless-shell curl haproxy libatomic1 libgomp1 mariadb-client-core mariadb-server-core openssl"
NEEDED += " prometheus python3-venv redis-tools wrk"


def test_an_ordinary_user_is_told_in_one_line_which_packages_the_tests_need(test_tools):
    done = test_tools({"id": "echo 1000", "ldconfig": "", "python": WITHOUT_VENV})
    assert done.returncode == 2
    said = "these Debian packages are needed and could not be installed; run: sudo apt-get install"
    assert done.stderr.splitlines()[0] == f"{said} {NEEDED}"


def test_make_installs_the_packages_of_missing_programs_for_root(test_tools, tmp_path):
    install = f"""case "$*" in *install*) echo "$*" > {tmp_path}/calls
        for name in chromium-headless-shell wrk mariadb-install-db; do printf '#!/bin/sh\n' > {tmp_path}/bin/$name; done
        for name in chromium-headless-shell wrk mariadb-install-db; do /bin/chmod +x {tmp_path}/bin/$name; done
    esac"""
    there = dict.fromkeys(
        ("mariadbd", "my_print_defaults", "promtool", "haproxy", "openssl", "curl", "redis-check-rdb", "python"), ""
    )
    there["ldconfig"] = "echo libatomic.so.1; echo libgomp.so.1"
    done = test_tools(there | {"id": "echo 0", "apt-get": install})
    assert done.returncode == 0, done.stderr
    assert done.stdout == "installing Debian packages: chromium-headless-shell mariadb-server-core wrk\n"
    assert (tmp_path / "calls").read_text().endswith("chromium-headless-shell mariadb-server-core wrk\n")


def test_a_pattern_that_does_not_exist_is_refused_in_one_line():
    argv = ["make", "demo", "PATTERN=serverless"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 2
    assert "PATTERN=serverless: choose web_single, synchronous, asynchronous or batch" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_an_unsupported_python_version_is_refused_in_one_line(make, version):
    pretend = f'exec python3 -c "import sys; sys.version_info = {version}; exec(sys.argv[1])" "$2"'
    done = make(f"#!/bin/sh\n{pretend}\n")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "Python 3.11, 3.12 or 3.13 is needed; PYTHON=... names one"
