"""Every form of REDIS_URL works as it is meant, or is refused in one line that does not show the password."""

import subprocess
import sys

import pytest
import redis

from asynchronous.app import create_app
from asynchronous.checks.redis_errors import RedisMisconfigured
from asynchronous.errors import RedisAway
from asynchronous.settings import Settings
from local import servers
from local.processes import ROOT, wait_until
from tests.certificates import Authority

from ..conftest import SEVEN, Consumer, Queue

PASSWORD = "hunter2#x/y@?"


def runs_a_job(url):
    settings = Settings(redis_url=url)
    queue, one = Queue(settings), Consumer(settings, "a")
    job_id = queue.put()
    one.finish(one.claim(1), [SEVEN])
    return queue.wait(job_id, 5).label == "7"


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A Redis with a password, a socket, and TLS that demands a client's certificate; what a URL needs to reach it."""
    folder, port, tls = tmp_path_factory.mktemp("tls"), servers.free_port(), servers.free_port()
    authority = Authority(folder)
    server, client = authority.sign("server"), authority.sign("client")
    options = ["--tls-port", str(tls), "--tls-cert-file", str(server.certificate), "--tls-key-file", str(server.key)]
    options += ["--tls-ca-cert-file", str(authority.file), "--unixsocket", str(folder / "redis.sock")]
    program = servers.redis_server(port, folder / "data", *options, program=servers.redis_of_tools(folder)).wait_ready()
    redis.Redis(port=port).config_set("requirepass", PASSWORD)
    own = f"ssl_certfile={client.certificate}&ssl_keyfile={client.key}"
    yield {"port": port, "tls": tls, "ca": authority.file, "own": own, "socket": folder / "redis.sock"}
    program.stop()


@pytest.fixture
def password_file(tmp_path, monkeypatch):
    (tmp_path / "password").write_text(PASSWORD)
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "password"))


@pytest.mark.usefixtures("password_file")
@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:{port}/1",
        "unix://{socket}?db=1",
        "rediss://localhost:{tls}/0?ssl_ca_certs={ca}&{own}",
        "rediss://127.0.0.1:{tls}?ssl_cert_reqs=none&{own}",
    ],
)
def test_a_job_runs_over_each_form_with_a_password_from_a_file(secured, url):
    assert runs_a_job(url.format(**secured))


@pytest.mark.parametrize("url", ["redis://:{}@127.0.0.1:{port}/0", "unix://:{}@{socket}"])
def test_a_password_may_be_escaped_in_the_url(secured, url):
    assert runs_a_job(url.format("hunter2%23x%2Fy%40%3F", **secured))


@pytest.mark.usefixtures("password_file")
@pytest.mark.parametrize("url", ["rediss://localhost:{tls}?{own}", "rediss://localhost:{tls}?ssl_ca_certs={ca}"])
def test_an_unknown_authority_or_a_missing_certificate_does_not_pass_by_itself(secured, url):
    queue = Queue(Settings(redis_url=url.format(**secured)))

    def told() -> bool:
        with pytest.raises(RedisAway) as refusal:
            queue.put()
        return refusal.type is RedisMisconfigured and "SSL" in str(refusal.value)

    # TLS 1.3 refuses a client after the handshake, and the server's reset may overtake the alert that says why.
    wait_until(told)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:hunter2#x/y@127.0.0.1:6379/0", "must be escaped"),
        ("redis://:hunter2/x@127.0.0.1:6379/0", "must be escaped"),
        ("redis://:hunter2?x@127.0.0.1:6379/0", "must be escaped"),
        ("redis://:hunter2[x@127.0.0.1:6379/0", "escape a # in a password as %23"),
        ("redis://app:hunter2@127.0.0.1:6379/app", "is not of the form redis://USER:PASSWORD@HOST:PORT/DB"),
        ("redis://app:hunter2@127.0.0.1/0?ssl=true", "has no option ssl"),
        ("redis://app:hunter2@127.0.0.1/0?decode_responses=True", "has no option decode_responses"),
        ("redis://app:hunter2@127.0.0.1/0?db=x", "is not a valid URL"),
        ("redis+sentinel://app:hunter2@127.0.0.1", "is not of the form redis+sentinel://"),
        ("redis+sentinel://app:hunter2@127.0.0.1/main?ssl_cert_reqs=none", "needs ssl=true"),
        ("redis+cluster://app:hunter2@one,two/7", "is not of the form redis+cluster://"),
        ("rediss://app:hunter2@127.0.0.1?ssl_ca_certs=/no/file", "there is no file /no/file"),
        ("http://app:hunter2@127.0.0.1", "must begin with one of redis://"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_in_one_line_without_the_password(monkeypatch, url, said):
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(SystemExit) as ended:
        create_app()
    assert str(ended.value).startswith("wrong settings: REDIS_URL: ")
    assert said in str(ended.value)
    assert "hunter2" not in str(ended.value)
    assert "\n" not in str(ended.value)


def test_the_worker_refuses_it_too_and_shows_no_traceback():
    argv, env = [sys.executable, "-m", "asynchronous.worker"], {"REDIS_URL": "redis://:hunter2#x/y@127.0.0.1:1/0"}
    ended = subprocess.run(argv, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert "hunter2" not in ended.stderr


def test_a_password_file_that_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("REDIS_PASSWORD_FILE", "/no/file")
    with pytest.raises(SystemExit, match="wrong settings: REDIS_PASSWORD_FILE: /no/file cannot be read"):
        create_app()
