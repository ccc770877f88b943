"""`DATABASE_URL` as providers hand it out: supported, or refused in one line."""

import pytest

from batch.connections.address import BadAddress, read_address

SERVER = "mysql+pymysql://app:s3cret@db:3306/app"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (
            "postgresql+psycopg://app:s3cret@db/app",
            "postgresql+psycopg:// is not supported; MySQL and MariaDB (mysql+py",
        ),
        (
            "postgres://app:s3cret@db/app",
            "postgres:// is not supported; MySQL and MariaDB (mysql+pymysql://user@host:3",
        ),
        ("mysql://app:s3cret@db/app", "the driver is PyMySQL; write mysql+pymysql:// instead of mysql://"),
        (
            "mysql+mysqlconnector://app:s3cret@db/app",
            "the driver is PyMySQL; write mysql+pymysql:// instead of mysql+m",
        ),
        ("mysql+pymysql://app:s3cret@db", "names no database; write mysql+pymysql://user@host:3306/database"),
        ("mysql+pymysql://app:s3cret@db/", "names no database; write mysql+pymysql://user@host:3306/database"),
        (
            "s3cret",
            "not a database URL; MySQL and MariaDB (mysql+pymysql://user@host:3306/database) and SQLite (sqlite:/",
        ),
        (
            f"{SERVER}?pool_size=5",
            "?pool_size= is not an option; the options are charset, collation, connect_timeout, ",
        ),
        (
            f"{SERVER}?ssl-mode=SOMETIMES",
            "?ssl_mode= is not one of preferred, disabled, required, verify_ca and verify_",
        ),
        (f"{SERVER}?connect_timeout=soon", "connect_timeout is not a whole number of seconds above 0"),
        (f"{SERVER}?ssl_ca=/no/such.pem", "ssl_ca: /no/such.pem cannot be read: No such file or directory"),
        (f"{SERVER}?ssl=true&ssl_ca=pyproject.toml", "ssl_ca: pyproject.toml: "),
        *(
            (
                f"{SERVER}?charset={name}",
                f"?charset={name} cannot hold every text; leave it out, or write charset=utf8mb4",
            )
            for name in ("utf8", "utf8mb3", "latin1", "ascii", "binary", "klingon")
        ),
        (f"{SERVER}?ssl=true&ssl_cert=pyproject.toml", "ssl_cert: pyproject.toml: "),
        (f"{SERVER}?ssl=true&ssl_key=pyproject.toml", "ssl_key: give its certificate, ssl_cert, too"),
        (f"{SERVER}?ssl_check_hostname=maybe", "ssl_check_hostname is not true or false"),
        (f"{SERVER}?local_infile=2", "local_infile is not true or false"),
        (f"{SERVER}?connect_timeout=99999999999", "connect_timeout is not a whole number of seconds above 0, and "),
        (SERVER.replace("3306", "99999"), "99999 is not a port; ports are 1 to 65535"),
        ("sqlite:///rows.sqlite3?timeout=soon", "SQLite takes no options; leave out ?timeout="),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_what_to_write(url, line):
    with pytest.raises(BadAddress) as refused:
        read_address(url, {})
    assert str(refused.value).startswith(f"DATABASE_URL: {line}")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "mode", ["ssl-mode=REQUIRED", "ssl_mode=required", "sslmode=require", "sslMode=REQUIRED", "ssl=true"]
)
def test_every_way_to_require_tls_is_understood(mode):
    url, arguments = read_address(f"{SERVER}?{mode}&charset=utf8mb4", {"connect_timeout": 5})
    assert (dict(url.query), arguments["connect_timeout"]) == ({"charset": "utf8mb4"}, 5)
    assert (arguments["ssl"].check_hostname, arguments["ssl"].verify_mode.name) == (False, "CERT_NONE")


@pytest.mark.parametrize(
    ("mode", "checked"), [("VERIFY_CA", (False, "CERT_REQUIRED")), ("verify-full", (True, "CERT_REQUIRED"))]
)
def test_a_mode_that_verifies_checks_the_certificate(mode, checked):
    context = read_address(f"{SERVER}?ssl-mode={mode}", {})[1]["ssl"]
    assert (context.check_hostname, context.verify_mode.name) == checked


def test_a_url_that_comes_from_a_file_may_have_the_end_of_its_line():
    assert read_address(f"{SERVER}\n", {})[0].database == "app"


def test_the_timeouts_of_the_url_replace_the_defaults():
    assert read_address(f"{SERVER}?connect_timeout=20", {"connect_timeout": 5, "read_timeout": 60})[1] == {
        "connect_timeout": 20,
        "read_timeout": 60,
    }
