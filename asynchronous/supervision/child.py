"""The child's side of supervision: it writes its heartbeat."""

from collections.abc import Sequence

from ..consumer import Result
from ..loop import Loop
from .heartbeat import inherited


def show_life(loop: Loop) -> None:
    """Let `loop` write its heartbeat before each claim, each prediction and each pause."""
    [heartbeat], predict, pause = inherited, loop.predict, loop.pause

    def beat() -> str:
        heartbeat.beat()
        return ""

    def beat_and_predict(images: Sequence[bytes]) -> list[Result]:
        heartbeat.has_claimed = True
        heartbeat.beat()
        return predict(images)

    def beat_and_pause(seconds: float) -> None:
        heartbeat.beat()
        pause(seconds)

    loop.obstacles.insert(0, beat)  # called before each claim; it reports no obstacle
    loop.predict, loop.pause = beat_and_predict, beat_and_pause
