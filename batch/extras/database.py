"""The optional parts of the engine."""

from typing import Any

from sqlalchemy import URL, Engine

from ..connections import heal, read_address  # optional: connections
from ..embedded import readers, share_file  # optional: embedded


def parse_address(address: str | URL, arguments: dict[str, Any]) -> tuple[str | URL, dict[str, Any]]:
    """Return the address and the driver's arguments; raise `ServiceError` if an optional part refuses the address."""
    address, arguments = read_address(str(address), arguments)  # optional: connections
    return address, arguments


def add_to(engine: Engine) -> None:
    """Add the optional parts to a new engine."""
    if engine.dialect.name == "sqlite":
        share_file(engine)  # optional: embedded
        return
    heal(engine)  # optional: connections


def reading_engine(engine: Engine) -> Engine:
    """Return an engine for connections that only read."""
    engine = readers(engine)  # optional: embedded
    return engine
