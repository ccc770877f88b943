"""The settings that each session needs. The server's defaults may differ, and its owner may change them."""

from typing import Any

MODES = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
SETTINGS = {
    "sql_mode": f"'{MODES}'",  # without STRICT a label that is too long is cut; other modes change what SQL means
    "sql_select_limit": 2**64 - 1,  # a limit would cut answers, without an error
    "sql_safe_updates": 0,
    "sql_big_selects": 1,  # `max_join_size` would refuse to count a large table
    "sql_quote_show_create": 1,  # SQLAlchemy finds no columns without the quotes
    "default_storage_engine": "InnoDB",  # other engines have neither transactions nor row locks
    "completion_type": 0,  # a commit neither begins a transaction nor ends the connection
}
SET_ALL = "SET " + ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
# MariaDB's: a program that was stopped in the middle of a write loses its connection, and others its locks.
IDLE_SECONDS = 60
SET_ALL += f" /*M!100300 , idle_write_transaction_timeout = {IDLE_SECONDS} */"
READ_WRITE = "SET SESSION TRANSACTION READ WRITE"  # `tx_read_only` is a default, too


def set_up_session(connection: Any, _: Any) -> None:
    """Replace the server's defaults in a new connection of the driver."""
    with connection.cursor() as cursor:
        cursor.execute(SET_ALL)
        cursor.execute(READ_WRITE)
