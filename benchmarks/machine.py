"""The machine that a benchmark ran on, and the versions of the programs that it measured."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from local.servers import executable, redis_argv

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
PACKAGES = ("onnxruntime", "numpy", "uvicorn", "uvloop", "fastapi", "redis", "sqlalchemy", "pymysql", "grpcio")


def describe() -> dict[str, str]:
    """Return what figures depend on, as pairs of a name and a value."""
    found = {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}",
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "governor": GOVERNOR.read_text().strip() if GOVERNOR.is_file() else "not visible",
    }
    hypervisor = "hypervisor" in _field("/proc/cpuinfo", "flags").split()
    return found | {"virtual": "yes" if hypervisor else "no"}


def _field(path: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: *(.*)$", Path(path).read_text(), re.M)
    return found[1] if found else ""


def versions() -> dict[str, str]:
    """Return the versions of Python, the packages and the servers that are used."""
    tensorflow = "tensorflow-cpu" if _version("tensorflow-cpu") else "tensorflow"
    packages = {name: _version(name) for name in (*PACKAGES, tensorflow)}
    mariadb = executable("mariadbd", "mysqld")
    servers = {
        "Redis or Valkey": _output([*redis_argv(), "--version"], r"^(\w+) server v=(\S+)"),
        "MariaDB or MySQL": _output([mariadb, "--version"], r"Ver (\S+)") if mariadb else "",
        "wrk": _output([executable("wrk") or "wrk", "--version"], r"^wrk \D*([\d.]+)"),
    }
    found = {"Python": platform.python_version(), **packages, **servers}
    return {name: version for name, version in found.items() if version}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _output(argv: list[str], pattern: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    found = re.search(pattern, done.stdout)
    return " ".join(found.groups()) if found else ""
