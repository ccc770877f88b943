"""Processes end with the program that has started them."""

import os
import signal
import sys
from pathlib import Path

import pytest

from local.processes import started


def test_a_process_is_killed_if_a_signal_arrives_while_it_starts(tmp_path: Path):
    def interrupt() -> None:  # in the new process, before it becomes `sleep`
        (tmp_path / "pid").write_text(str(os.getpid()))
        os.kill(os.getppid(), signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with pytest.raises(SystemExit), started(["sleep", "300"], preexec_fn=interrupt):
            pass
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


def test_a_forked_program_does_not_have_tensorflow(preloaded):
    """As in production. TensorFlow would cost the fork server four seconds, and three times the time of each fork."""
    done = preloaded.run([sys.executable, "-c", "import sys; print('tensorflow' in sys.modules)"])
    assert (done.stdout, done.stderr) == ("False\n", "")
