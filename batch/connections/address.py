"""`DATABASE_URL` as providers hand it out: supported, or refused in one line that says how to write it."""

import ssl
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import ServiceError

NAME = "DATABASE_URL"
SUPPORTED = "MySQL and MariaDB (mysql+pymysql://user@host:3306/database) and SQLite (sqlite:///file) are supported"
DRIVERS = {"sqlite", "sqlite+pysqlite", "mysql+pymysql", "mariadb+pymysql"}
CHARSET = "utf8mb4"  # to any other the server sends "?" for each character that it lacks, without an error
SECONDS = {"connect_timeout", "read_timeout", "write_timeout"}
FILES = {"ssl_ca", "ssl_cert", "ssl_key"}
FLAGS = {"ssl_check_hostname", "local_infile"}
OPTIONS = FILES | SECONDS | FLAGS | {"charset", "collation", "unix_socket"}
LONGEST = 31_536_000  # seconds: a year, the most that the driver accepts
MODE_NAMES = {"ssl", "ssl_mode", "sslmode"}  # MySQL's own clients, PostgreSQL's and JDBC write them in several ways
# What a mode means: whether the connection is encrypted, the certificate checked, the host's name compared.
MODES: dict[str, tuple[bool, bool, bool] | None] = {
    "preferred": None,
    "disabled": (False, False, False),
    "required": (True, False, False),
}
MODES |= {"verify_ca": (True, True, False), "verify_identity": (True, True, True), "verify_full": (True, True, True)}
MODES |= {"require": MODES["required"], "true": MODES["required"], "1": MODES["required"]}
MODES |= {"false": MODES["disabled"], "0": MODES["disabled"], "disable": MODES["disabled"], "prefer": None}


class BadAddress(ServiceError):
    """`DATABASE_URL` cannot be used; the message says how to write it."""


def read_address(text: str, arguments: dict[str, Any]) -> tuple[URL, dict[str, Any]]:
    """Return the URL, and the driver's arguments with what its options change.

    Raises:
        BadAddress: another database or driver, an option that is unknown, or a URL without a database.
    """
    url = _parse(text)
    if url.get_backend_name() == "sqlite":
        if url.query:
            raise BadAddress(f"{NAME}: SQLite takes no options; leave out ?{min(url.query)}=")
        return url, arguments
    options = {name.lower().replace("-", "_"): str(value) for name, value in url.query.items()}
    modes = {name: options.pop(name) for name in MODE_NAMES & set(options)}
    if unknown := set(options) - OPTIONS:
        allowed = ", ".join(sorted(OPTIONS | {"ssl_mode"}))
        raise BadAddress(f"{NAME}: ?{min(unknown)}= is not an option; the options are {allowed}")
    if (charset := options.get("charset", CHARSET)) != CHARSET:
        raise BadAddress(f"{NAME}: ?charset={charset} cannot hold every text; leave it out, or write charset={CHARSET}")
    seconds = {name: _seconds(name, options.pop(name)) for name in SECONDS & set(options)}
    for name in FLAGS & set(options):
        if options[name].lower() not in ("true", "false", "1", "0"):
            raise BadAddress(f"{NAME}: {name} is not true or false")
    arguments = arguments | seconds | _tls(modes, options)
    return url.set(query=options), arguments


def _parse(text: str) -> URL:
    try:
        url = make_url(text.strip())  # a line of a file, as in a secret, has an end
    except (ArgumentError, ValueError):
        fix = "in a password, @ is written %40, : %3A, / %2F and % %25"
        raise BadAddress(f"{NAME}: not a database URL; {SUPPORTED}; {fix}") from None
    if url.host and "@" in f"{url.host}{url.database}":
        raise BadAddress(f"{NAME}: one @ too many; in a password it is written %40")
    if url.drivername not in DRIVERS:
        if (backend := url.get_backend_name()) in ("mysql", "mariadb"):
            raise BadAddress(
                f"{NAME}: the driver is PyMySQL; write {backend}+pymysql:// instead of {url.drivername}://"
            )
        raise BadAddress(f"{NAME}: {url.drivername}:// is not supported; {SUPPORTED}")
    if url.port is not None and not 0 < url.port < 65_536:
        raise BadAddress(f"{NAME}: {url.port} is not a port; ports are 1 to 65535")
    if not url.database and url.get_backend_name() != "sqlite":
        raise BadAddress(f"{NAME}: names no database; write mysql+pymysql://user@host:3306/database")
    return url


def _seconds(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 0 < int(value) <= LONGEST:
        raise BadAddress(f"{NAME}: {name} is not a whole number of seconds above 0, and up to {LONGEST:,}")
    return int(value)


def _tls(modes: dict[str, str], options: dict[str, str]) -> dict[str, Any]:
    """Return the driver's arguments for the mode that the URL names; encryption takes the files out of `options`."""
    for file in FILES & set(options):
        try:
            open(options[file], "rb").close()
        except OSError as error:
            raise BadAddress(f"{NAME}: {file}: {options[file]} cannot be read: {error.strerror}") from None
    words = {value.lower().replace("-", "_") for value in modes.values()}
    if len(words) > 1 or words - set(MODES):
        known = "preferred, disabled, required, verify_ca and verify_identity"
        raise BadAddress(f"{NAME}: ?{min(modes)}= is not one of {known}")
    mode = MODES[words.pop()] if words else None
    if mode is None:
        return {}
    encrypted, checked, compared = mode
    if not encrypted:
        return {"ssl_disabled": True}
    ca, cert, key = (options.pop(name, None) for name in ("ssl_ca", "ssl_cert", "ssl_key"))
    if key and not cert:
        raise BadAddress(f"{NAME}: ssl_key: give its certificate, ssl_cert, too")
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise BadAddress(f"{NAME}: ssl_ca: {ca}: {error}") from None
    try:
        if cert:
            context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        raise BadAddress(f"{NAME}: ssl_cert: {cert}: {error}") from None
    context.check_hostname = compared
    context.verify_mode = ssl.CERT_REQUIRED if checked or ca else ssl.CERT_NONE
    return {"ssl": context}
