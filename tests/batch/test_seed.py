from itertools import islice

from batch.seed import CHUNK_ROWS, flowers


def test_the_same_seed_gives_the_same_rows_and_another_one_others():
    assert list(flowers(50, seed=1)) == list(flowers(50, seed=1))
    assert list(flowers(50, seed=1)) != list(flowers(50, seed=2))


def test_a_longer_run_begins_with_the_rows_of_a_shorter_one():
    short, long = ([row for chunk in flowers(n, seed=0) for row in chunk] for n in (CHUNK_ROWS + 10, 3 * CHUNK_ROWS))
    assert len(short) == CHUNK_ROWS + 10
    assert long[: len(short)] == short


def test_rows_are_made_as_they_are_needed():
    chunks = flowers(10**15, seed=0)
    assert [len(chunk) for chunk in islice(chunks, 2)] == [CHUNK_ROWS, CHUNK_ROWS]


def test_rows_look_like_flowers():
    (rows,) = flowers(1000, seed=0)
    assert all(len(row) == 4 and all(0 < value < 12 for value in row) for row in rows)
