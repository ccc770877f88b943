"""Batches: how many are in memory, and what ends them."""

import time

import pytest

from synchronous.cli.batches import in_order


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
