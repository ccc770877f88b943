"""The write of a chunk's predictions, as one statement whose text is built by hand."""

from collections.abc import Sequence

from sqlalchemy import Connection

from .. import queries
from ..schemas import Predicted


def write_done(connection: Connection, rows: Sequence[Predicted], model_version: int) -> None:
    """Write predictions, labels, model version and state of many rows in one statement.

    Ids and predictions are in its text: whole numbers, and JSON made of numbers. Parameters would take longer to send
    than the update takes.
    """
    if rows[0].prediction[:1] == "{":  # with labels in it, which must be parameters
        queries.write_done(connection, rows, model_version)
        return
    by_label: dict[str | None, list[str]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(str(row.id))
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    predictions = " ".join([f"WHEN {row.id} THEN '{row.prediction}'" for row in rows])
    labels = " ".join(f"WHEN id IN ({','.join(ids)}) THEN {mark}" for ids in by_label.values())
    ids = ",".join([str(row.id) for row in rows])
    connection.exec_driver_sql(
        f"UPDATE items SET prediction = CASE id {predictions} END, label = CASE {labels} END, state = 'done', "  # noqa: S608
        f"model_version = {mark}, attempts = attempts + 1, reason = NULL, updated_at = CURRENT_TIMESTAMP "
        f"WHERE id IN ({ids})",
        (*by_label, model_version),
    )
