"""Refuse a REDIS_URL that redis-py would misread. No message shows the password."""

import re
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

_HOST = r"([^\s:,/\[\]]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?"
# What follows the user and the password, for each scheme.
_FORMS = {
    "redis": (f"{_HOST}/?[0-9]*", "redis://USER:PASSWORD@HOST:PORT/DB"),
    "rediss": (f"{_HOST}/?[0-9]*", "rediss://USER:PASSWORD@HOST:PORT/DB"),
    "unix": (r"/[^\s]+", "unix://USER:PASSWORD@/PATH/OF/SOCKET?db=DB"),
    "redis+sentinel": (
        rf"{_HOST}(,{_HOST})*/[^\s/]+(/[0-9]*)?",
        "redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/MASTER/DB",
    ),
    "redis+cluster": (f"{_HOST}(,{_HOST})*/?0?", "redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT"),
}
_ESCAPE = "a special character in a user name or password must be escaped, as # by %23; or use REDIS_PASSWORD_FILE"
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_PLAIN = {"client_name", "health_check_interval", "socket_keepalive"}
_TLS = {*_PLAIN, *_FILES, "ssl_cert_reqs", "ssl_check_hostname", "ssl_password"}
_OPTIONS = {
    "redis": {*_PLAIN, "db"},
    "unix": {*_PLAIN, "db"},
    "rediss": {*_TLS, "db"},
    "redis+sentinel": {*_TLS, "ssl", "sentinel_username", "sentinel_password"},
    "redis+cluster": {*_TLS, "ssl"},
}


def check_url(url: str) -> None:
    """End the program with one line if this is not a valid REDIS_URL."""
    parts = urlsplit(url)
    if parts.scheme not in _FORMS:
        _refuse(f"must begin with one of {', '.join(f'{scheme}://' for scheme in _FORMS)}")
    if parts.fragment or "@" in parts.path + parts.query:
        _refuse(_ESCAPE)
    place, form = _FORMS[parts.scheme]
    if not re.fullmatch(place, parts.netloc.rpartition("@")[2] + parts.path):
        _refuse(f"is not of the form {form}; {_ESCAPE}")
    _check_options(parts.scheme, parse_qs(parts.query, keep_blank_values=True))


def _check_options(scheme: str, options: dict[str, list[str]]) -> None:
    if unknown := sorted(set(options) - _OPTIONS[scheme]):
        _refuse(f"has no option {unknown[0]}, only {', '.join(sorted(_OPTIONS[scheme]))}; TLS is rediss://")
    if "ssl" in _OPTIONS[scheme] and (_TLS - _PLAIN) & set(options) and "ssl" not in options:
        _refuse("has options for TLS, and needs ssl=true")
    for name in _FILES:
        for path in options.get(name, []):
            if not Path(path).is_file():
                _refuse(f"{name}: there is no file {path}")


def _refuse(reason: str) -> NoReturn:
    raise SystemExit(f"wrong settings: REDIS_URL: {reason}")
