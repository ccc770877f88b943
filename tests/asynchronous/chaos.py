"""Send real images through the real programs, kill the programs again and again, and count lost and wrong jobs.

    python -m tests.asynchronous.chaos --jobs 1000 --kills 50

Proxy, worker, single processes of the worker, the program that delivers callbacks, the serving program and Redis get
SIGKILL at random moments, if possible while they work. The worker replaces its own processes; the others are started
again after a second. Only an answer of 202 is a promise. The exit code is 1 if such a job is lost, has two terminal
states, has expired, has a label that the model does not give its image, or was never delivered to the receiver of
callbacks. A job may fail: if the processes that worked on it were killed three times, its image might have been the
cause. Such jobs are counted as failed, and are not an error. Some jobs are cancelled: a job whose DELETE was answered
with 204 must have no other end.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from asynchronous.model import Model
from asynchronous.settings import Settings
from local.demo import samples
from local.processes import Program, wait_until
from models import uploads

from .clients import Clients
from .outcomes import Report
from .programs import Programs

KINDS = ("proxy", "worker", "child", "serving", "redis", "callbacks")
DOWN_SECONDS = 1  # that a killed program stays down
WORK_SECONDS = 10  # to wait for a moment at which a kill interrupts work
DRAIN_SECONDS = 120  # for the jobs to end when all programs are up again, and for their ends to be delivered


def plan(kills: int, chance: random.Random) -> list[str]:
    """Return what to kill: first all kinds in random order, then random kinds."""
    return (chance.sample(KINDS, len(KINDS)) + chance.choices(KINDS, k=kills))[:kills]


def labelled_images(serving_grpc: str) -> list[tuple[bytes, str]]:
    """Return image files, a third of them so large that the model is busy for a while, with the label it gives each."""
    _, digits, _, _ = uploads.split()
    large = [uploads.Style(size=(1600, 2400), format=kind) for kind in ("PNG", "JPEG")]
    images = [uploads.draw(digit, style) for digit in digits[-10:] for style in large]
    images += [image.data for image in samples.digit_images(38)] + samples.photographs()
    model = Model(Settings(serving_grpc=serving_grpc))
    return [(image, model.predict([image])[0].label) for image in images]


class Chaos:
    """One run: `kill` while the clients post, then `settle`."""

    def __init__(self, jobs: int, kills: int, seed: int) -> None:
        self._jobs, self._chance, self._began = jobs, random.Random(seed), time.monotonic()
        self.kinds, self.during_work = plan(kills, self._chance), 0

    def say(self, words: str) -> None:
        print(f"{self.seconds():6.1f} s  {words}", file=sys.stderr, flush=True)

    def seconds(self) -> float:
        return round(time.monotonic() - self._began, 1)

    def kill(self, programs: Programs, clients: Clients) -> None:
        """Kill as planned, and let the clients post an equal share of the jobs around each kill."""
        kills = len(self.kinds)
        for number, kind in enumerate(self.kinds, 1):
            clients.post_more(self._jobs * number // kills - self._jobs * (number - 1) // kills)
            time.sleep(self._chance.uniform(0.1, 0.8))
            at_a_post = kind == "proxy" or (kind == "redis" and self._chance.random() < 0.5)
            hit = clients.wait_for_work(WORK_SECONDS, posting=at_a_post)
            pid = programs.kill(kind, self._chance)
            self.during_work += hit
            interrupted = "during work" if hit else "idle"
            self.say(f"kill {number}: {kind} {pid}, {interrupted}, {clients.outcomes.progress()}")
            if kind != "child":
                time.sleep(DOWN_SECONDS)
                programs.start(kind)

    def settle(self, programs: Programs, clients: Clients) -> float:
        """Wait until all jobs have ended, now that all programs are up again; return the seconds that this took."""
        began = time.monotonic()
        self.say(f"no more kills, {clients.outcomes.progress()}")
        programs.wait_ready()
        try:
            wait_until(lambda: clients.outcomes.ended() == self._jobs, DRAIN_SECONDS)
            wait_until(lambda: clients.outcomes.promised.keys() <= programs.deliveries().keys(), DRAIN_SECONDS)
        except TimeoutError:
            self.say("time is up, and not all jobs have ended and been delivered")
        self.say(clients.outcomes.progress())
        return round(time.monotonic() - began, 1)


def run(
    jobs: int, kills: int, seed: int, folder: Path, redis: str = "single", start: Callable[..., Program] = Program
) -> Report:
    """Let `jobs` images be accepted during `kills` kills; logs and data go to `folder`.

    `redis`: one Redis (`single`), one with the user of the README (`acl`), or a cluster with failovers (`cluster`).
    """
    chaos = Chaos(jobs, kills, seed)
    chaos.say(f"seed {seed}: {jobs} jobs, {kills} kills, logs in {folder}")
    with Programs(folder, redis, start) as programs:
        for kind in ("redis", "serving", "receiver", "proxy", "worker", "callbacks"):
            programs.start(kind)
        programs.wait_ready()
        with Clients(programs, labelled_images(programs.serving_grpc), seed) as clients:
            chaos.kill(programs, clients)
            drained = chaos.settle(programs, clients)
        records = clients.read_all()
        deliveries = programs.deliveries()
    delivered = [deliveries.get(job_id, []) for job_id in clients.outcomes.promised]
    for job_id in clients.outcomes.promised:
        for outcome in deliveries.get(job_id, []):
            clients.outcomes.add(job_id, outcome, last=True)
    chaos.say(f"failed: {[record.get('reason') for record in records if record.get('status') == 'failed']}")
    return Report(
        jobs=len(clients.outcomes.promised),
        kills=len(chaos.kinds),
        **clients.outcomes.verdict(),
        delivered=sum(map(bool, delivered)),
        twice=sum(len(each) > 1 for each in delivered),
        never=delivered.count([]),
        seed=seed,
        seconds=chaos.seconds(),
        drained_seconds=drained,
        attempts_more_than_one=sum(int(record.get("attempts", 0)) > 1 for record in records),
        kills_by_kind=dict(Counter(chaos.kinds)),
        kills_during_work=chaos.during_work,
        unanswered_posts=clients.unanswered,
        followed=clients.followed,
    )


def main() -> None:
    """Run once; one JSON line on stdout, what happens meanwhile on stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.asynchronous.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--redis", choices=("single", "acl", "cluster"), default="single")
    arguments = parser.parse_args()
    if not 1 <= arguments.kills <= arguments.jobs:
        parser.error("at least one kill is needed, and a job for each kill")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both mean: stop all that was started
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        report = run(arguments.jobs, arguments.kills, arguments.seed, folder, arguments.redis)
    except KeyboardInterrupt:
        sys.exit(f"stopped; the logs are in {folder}")
    except BaseException:
        print(f"the logs are in {folder}", file=sys.stderr)
        raise
    print(json.dumps(asdict(report)))
    if report.jobs < arguments.jobs or not report.all_kept:
        sys.exit(f"a promise was broken, or too few jobs were accepted; the logs are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
