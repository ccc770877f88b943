"""A plain connection to a Redis that expects TLS never works, and its errors do not say why."""

import sys

import pytest

from asynchronous.checks.expects_tls import refuse_plain, speaks_tls
from local import servers
from tests.certificates import Authority


@pytest.fixture(scope="module", params=["yes", "no"])
def ports(tmp_path_factory, request):
    """The plain port and the TLS port of a Redis, which asks clients for a certificate or does not."""
    folder, port, tls = tmp_path_factory.mktemp("tls"), servers.free_port(), servers.free_port()
    authority = Authority(folder)
    own = authority.sign("server")
    options = ["--tls-port", str(tls), "--tls-cert-file", str(own.certificate), "--tls-key-file", str(own.key)]
    options += ["--tls-ca-cert-file", str(authority.file), "--tls-auth-clients", request.param]
    program = servers.redis_server(port, folder / "data", *options, program=servers.redis_of_tools(folder)).wait_ready()
    yield port, tls
    program.stop()


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("redis://:secret@127.0.0.1:{}/0", "let it begin with rediss://"),
        ("redis+sentinel://127.0.0.1:{},127.0.0.1:1/mymaster/0", "add ?ssl=true"),
        ("redis+cluster://127.0.0.1:{}", "add ?ssl=true"),
        ("redis+cluster://127.0.0.1:{}?ssl=false", "add ?ssl=true"),
    ],
)
def test_an_address_without_tls_is_refused_with_the_remedy(ports, url, remedy):
    with pytest.raises(SystemExit) as refused:
        refuse_plain(url.format(ports[1]))
    assert str(refused.value) == f"wrong settings: REDIS_URL: 127.0.0.1:{ports[1]} expects TLS: {remedy}"


def test_a_redis_without_tls_a_closed_port_and_an_address_with_tls_are_not_refused(ports):
    plain, tls = ports
    assert not speaks_tls("127.0.0.1", plain)
    assert not speaks_tls("127.0.0.1", servers.free_port())
    refuse_plain(f"rediss://127.0.0.1:{tls}")
    refuse_plain(f"redis+cluster://127.0.0.1:{tls}?ssl=TRUE")
    refuse_plain("unix:///run/redis.sock")


@pytest.mark.parametrize("argv", [["uvicorn", "--factory", "asynchronous.app:create_app"], ["asynchronous.worker"]])
def test_both_programs_end_with_one_line(ports, start, argv, free_port):
    argv = [*argv, "--port", str(free_port())] if argv[0] == "uvicorn" else argv
    program = start("program", [sys.executable, "-m", *argv], env={"REDIS_URL": f"redis://127.0.0.1:{ports[1]}"})
    assert program.wait() == 1
    last = f"wrong settings: REDIS_URL: 127.0.0.1:{ports[1]} expects TLS: let it begin with rediss://"
    assert program.log.read_text().splitlines()[-1] == last
