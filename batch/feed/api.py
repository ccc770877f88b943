"""The feed over HTTP: `GET /data/predicted/feed?since=0`, then with the `next` of each answer."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict

from ..migrate import schema
from ..migrate.stored import as_stored, as_utc
from ..tables import Item
from .read import read_cursor, read_feed

COLUMNS = (Item.id, Item.key, Item.label, as_stored(Item.prediction), Item.model_version, as_stored(Item.updated_at))
MAX_PAGE = 1_000


class Completed(BaseModel):
    """A row that was completed, as it is now."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    key: str | None
    label: str | None
    prediction: Any
    model_version: int | None  # None: another program has written the state
    updated_at: Annotated[datetime | str, AfterValidator(as_utc)]  # text: another program has written it


class FeedPage(BaseModel):
    """Rows in the order of their completion; `next` is the `since` of the next request, also on the last page."""

    items: list[Completed]
    next: str


router = APIRouter()
Since = Annotated[str, Query(max_length=50, description="0 first, then the `next` of the previous answer.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="The most rows in the answer.")]


@router.get("/data/predicted/feed")
def feed(request: Request, since: Since = "0", limit: Limit = 100) -> FeedPage:
    """Rows in the order in which their predictions were committed. A row that is predicted again comes again."""
    cursor = read_cursor(since)
    with request.app.state.readers.connect() as connection:
        schema.check(connection)
        rows, following = read_feed(connection, cursor, limit, COLUMNS)
    return FeedPage.model_validate({"items": rows, "next": str(following)})
