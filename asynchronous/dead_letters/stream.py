"""Jobs that expired or were given up: read them, make new jobs from them, or delete them."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_settings import BaseSettings, SettingsConfigDict

from ..connection import ERRORS, connect, explain
from ..keys import Script, milliseconds
from ..settings import Seconds, Settings, read_environment

KEYS = {"DEAD_LETTERS": "dead_letters"}
MAX_DEAD_LETTERS = 10_000  # a job that ends when there are this many keeps no image


class DeadLetterSettings(BaseSettings):
    """Times are in seconds."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    dead_letter_lifetime: Seconds = 86_400


def constants() -> Mapping[str, object]:
    """Return the constants of `stream.lua`, besides KEYS."""
    lifetime = milliseconds(read_environment(DeadLetterSettings).dead_letter_lifetime)
    return {
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
    """The dead letters of one queue. Every method may raise RedisAway."""

    def __init__(self, settings: Settings) -> None:
        self._redis, script = connect(settings, decode_responses=True), Script(settings)
        self._keys, self._script = script.keys, self._redis.register_script(script.text)

    def _call(self, command: Callable[[], Any]) -> Any:
        try:
            return command()
        except ERRORS as error:
            raise explain(error) from error

    def _run(self, step: str, letter: DeadLetter, *jobs: str) -> str:
        args = [step, letter.entry, letter.job_id, *jobs]
        keys = self._keys.of_step([letter.job_id, *jobs])
        return str(self._call(lambda: self._script(keys=keys, args=args)))

    def __iter__(self) -> Iterator[DeadLetter]:
        """Yield the dead letters, oldest first."""
        stream = self._keys.prefix + KEYS["DEAD_LETTERS"]
        entries: list[tuple[str, dict[str, str]]] = self._call(lambda: self._redis.xrange(stream))
        for entry, fields in entries:
            ended_at = datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, UTC).isoformat("T", "seconds")
            attempts = int(fields.pop("attempts"))
            fields.pop("kept_until", None)  # for the script
            yield DeadLetter(entry=entry, ended_at=ended_at, attempts=attempts, **fields)

    def replay(self, letter: DeadLetter) -> str:
        """Make a new job from its image and return that job's id; or return `gone` or `full`, and change nothing.

        The old job keeps its terminal state.
        """
        return self._run("replay", letter, uuid.uuid4().hex)

    def drop(self, letter: DeadLetter) -> str:
        """Delete the dead letter and its image; return the job's id, or `gone`."""
        return self._run("drop", letter)
