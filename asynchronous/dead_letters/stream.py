"""Jobs that expired or were given up: read them, make new jobs of them, or delete them."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import redis
from pydantic import PositiveFloat
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..keys import milliseconds, script
from ..settings import Settings, read_environment

DEAD_LETTERS, MAX_DEAD_LETTERS = "dead_letters", 10_000


class DeadLetterSettings(BaseSettings):
    """Times are in seconds."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    dead_letter_lifetime: PositiveFloat = 86_400


def constants() -> Mapping[str, object]:
    """Return the constants of `stream.lua`."""
    lifetime = milliseconds(read_environment(DeadLetterSettings).dead_letter_lifetime)
    return {
        "DEAD_LETTERS": DEAD_LETTERS,
        "MAX_DEAD_LETTERS": MAX_DEAD_LETTERS,
        "DEAD_LETTER_LIFETIME": lifetime,
    }


@dataclass(frozen=True)
class DeadLetter:
    entry: str
    job_id: str
    status: str
    reason: str
    attempts: int
    ended_at: str


class DeadLetters:
    """Every method may raise one of REDIS_AWAY."""

    def __init__(self, settings: Settings) -> None:
        self._redis = redis.Redis.from_url(settings.redis_url, decode_responses=True)
        self._script = self._redis.register_script(script(settings))

    def __iter__(self) -> Iterator[DeadLetter]:
        """Yield the dead letters, oldest first."""
        entries: list[tuple[str, dict[str, str]]] = self._redis.xrange(DEAD_LETTERS)  # type: ignore[assignment]
        for entry, fields in entries:
            ended_at = datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, UTC).isoformat("T", "seconds")
            attempts = int(fields.pop("attempts"))
            yield DeadLetter(entry=entry, ended_at=ended_at, attempts=attempts, **fields)

    def replay(self, letter: DeadLetter) -> str:
        """Make a new job of its image and return that job's id; or return `gone` or `full`, and change nothing.

        The old job keeps its terminal state.
        """
        return str(self._script(args=["replay", letter.entry, uuid.uuid4().hex]))

    def drop(self, letter: DeadLetter) -> str:
        """Delete it and its image; return the job's id, or `gone`."""
        return str(self._script(args=["drop", letter.entry]))
