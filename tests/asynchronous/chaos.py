"""Real images through the real programs while all of these are killed again and again: is a job lost or spoilt?

    python -m tests.asynchronous.chaos --jobs 1000 --kills 50

Proxy, worker, single processes of the worker, serving program and Redis get SIGKILL at random moments, if possible
with work in hand. The worker replaces its own processes; the others are started again after a second. Only a job
that was answered with 202 was promised anything. The exit code is 1 when such a job was lost, had two ends, expired,
or has a label that the model does not give its image. It may fail by design: when whatever worked on it was killed
three times, that might have been its image's doing. Such jobs are counted, and nobody is blamed.
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
from dataclasses import asdict
from pathlib import Path

from asynchronous.inference import Model
from asynchronous.settings import Settings
from local.demo import samples
from local.processes import wait_until
from models import uploads

from .clients import Clients
from .ledger import Report
from .victims import Victims

KINDS = ("proxy", "worker", "child", "serving", "redis")
DOWN = 1  # seconds that a killed program stays down
PATIENCE = 10  # seconds to wait for a moment at which a kill would interrupt something
DRAIN = 120  # seconds that the jobs may take to end once everything is up again


def plan(kills: int, chance: random.Random) -> list[str]:
    """Return what to kill: all kinds in any order, then any."""
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
    """One run: `kill` while the clients are at work, then `settle`."""

    def __init__(self, jobs: int, kills: int, seed: int) -> None:
        self._jobs, self._chance, self._began = jobs, random.Random(seed), time.monotonic()
        self.kinds, self.in_the_midst = plan(kills, self._chance), 0

    def say(self, words: str) -> None:
        print(f"{self.seconds():6.1f} s  {words}", file=sys.stderr, flush=True)

    def seconds(self) -> float:
        return round(time.monotonic() - self._began, 1)

    def kill(self, victims: Victims, clients: Clients) -> None:
        """Kill as planned, and let the clients post an equal share of the jobs around each kill."""
        kills = len(self.kinds)
        for number, kind in enumerate(self.kinds, 1):
            clients.post_more(self._jobs * number // kills - self._jobs * (number - 1) // kills)
            time.sleep(self._chance.uniform(0.1, 0.8))
            at_a_post = kind == "proxy" or (kind == "redis" and self._chance.random() < 0.5)
            hit = clients.wait_for_work(PATIENCE, posting=at_a_post)
            pid = victims.kill(kind, self._chance)
            self.in_the_midst += hit
            interrupted = "in the midst of work" if hit else "idle"
            self.say(f"kill {number}: {kind} {pid}, {interrupted}, {clients.ledger.progress()}")
            if kind != "child":
                time.sleep(DOWN)
                victims.start(kind)

    def settle(self, victims: Victims, clients: Clients) -> float:
        """Give the jobs time to end, now that everything is up again; return the seconds that it took."""
        began = time.monotonic()
        self.say(f"no more kills, {clients.ledger.progress()}")
        victims.wait_ready()
        try:
            wait_until(lambda: clients.ledger.ended() == self._jobs, DRAIN)
        except TimeoutError:
            self.say("time is up, and not all jobs have ended")
        self.say(clients.ledger.progress())
        return round(time.monotonic() - began, 1)


def run(jobs: int, kills: int, seed: int, folder: Path) -> Report:
    """Have `jobs` images accepted in the course of `kills` kills; logs and data go to `folder`."""
    chaos = Chaos(jobs, kills, seed)
    chaos.say(f"seed {seed}: {jobs} jobs, {kills} kills, logs in {folder}")
    with Victims(folder) as victims:
        for kind in ("redis", "serving", "proxy", "worker"):
            victims.start(kind)
        victims.wait_ready()
        with Clients(victims.proxy_url, victims.redis_port, labelled_images(victims.serving_grpc), seed) as clients:
            chaos.kill(victims, clients)
            drained = chaos.settle(victims, clients)
        records = clients.read_all()
    chaos.say(f"failed: {[record.get('reason') for record in records if record.get('status') == 'failed']}")
    return Report(
        jobs=len(clients.ledger.promised),
        kills=len(chaos.kinds),
        **clients.ledger.verdict(),
        seed=seed,
        seconds=chaos.seconds(),
        drained_seconds=drained,
        attempts_more_than_one=sum(int(record.get("attempts", 0)) > 1 for record in records),
        kills_by_kind=dict(Counter(chaos.kinds)),
        kills_in_the_midst_of_work=chaos.in_the_midst,
        unanswered_posts=clients.unanswered,
        followed_to_the_end=clients.followed,
    )


def main() -> None:
    """Run once; one JSON line on stdout, what happens meanwhile on stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.asynchronous.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    if not 1 <= arguments.kills <= arguments.jobs:
        parser.error("there must be a kill at least, and a job for each")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both mean: stop all that was started
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        report = run(arguments.jobs, arguments.kills, arguments.seed, folder)
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
