"""Batches: how many are in memory, and what ends them."""

import signal
import sys
import threading
import time
import traceback

import pytest

from local.processes import wait_until
from synchronous.cli.batches import in_order, paths_on_stdin


def test_the_number_of_batches_in_memory_is_bounded():
    taken, asking, most, ahead = [], [], [], []

    def ask(batch):
        asking.append(batch)
        most.append(len(asking))
        time.sleep(0.002)
        asking.remove(batch)
        return batch

    batches = ([number] for number in range(100) if not taken.append(number))
    for number, answer in enumerate(in_order(ask, batches, 3)):
        assert answer == [number]
        ahead.append(len(taken) - number)
    assert max(most) <= 3
    assert max(ahead) <= 3 + 3


def test_an_error_in_the_batches_follows_the_answers_before_it():
    def batches():
        yield from ([1], [2])
        raise OSError("cannot be read")

    answers = in_order(lambda batch: batch, batches(), 1)
    assert [next(answers), next(answers)] == [[1], [2]]
    with pytest.raises(OSError, match="cannot be read"):
        next(answers)


def test_a_signal_that_does_not_interrupt_the_wait_for_an_answer_is_noticed_during_it():
    answered, released, waiting = [], threading.Event(), threading.get_ident()

    def waits_for_an_answer():
        names = [frame.name for frame in traceback.extract_stack(sys._current_frames()[waiting])]
        return names[-1] == "wait" and not {"start", "get"} & set(names[names.index("in_order") :])

    def ask(batch):
        wait_until(waits_for_an_answer)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # not to the thread that waits
        answered.append(released.wait(60))

    with pytest.raises(KeyboardInterrupt):
        next(in_order(ask, [[1]], 1))
    assert not answered
    released.set()


def paths(monkeypatch, *chunks):
    """Return the paths in a list on stdin that arrives in these chunks."""
    arriving = iter([*chunks, b""])
    monkeypatch.setattr("os.read", lambda descriptor, size: next(arriving))
    return [str(path) for group in paths_on_stdin() for path in group]


def test_a_list_may_come_from_windows(monkeypatch):
    assert paths(monkeypatch, b"\xef\xbb\xbfa.png\r\n\r\n b c.png \r", b"\nd.png\r\n") == ["a.png", "b c.png", "d.png"]


def test_white_space_belongs_to_a_path_if_there_is_such_a_file(monkeypatch, tmp_path):
    (tmp_path / "a ").touch()
    assert paths(monkeypatch, f"{tmp_path}/a \n{tmp_path}/b ".encode()) == [f"{tmp_path}/a ", f"{tmp_path}/b"]


def test_a_list_in_utf_16_is_refused(monkeypatch):
    with pytest.raises(OSError, match="in UTF-16; write it in UTF-8"):
        paths(monkeypatch, "a.png\n".encode("utf-16"))
