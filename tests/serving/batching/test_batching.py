"""Dynamic batching: which requests run as one, who gets which rows, and how bad and late requests affect others."""

import base64
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.processes import wait_until
from local.servers import answers
from serving.__main__ import parse_flags
from serving.batching import parameters_of
from serving.batching.batcher import Batcher
from serving.batching.parameters import BatchingParameters, read_parameters
from serving.errors import ConfigRefused, RequestRefused, invalid
from synchronous.transport import GrpcTransport, Prediction, ServingError
from tests.serving.plugin import server_argv

REQUIRED = ["--model_name=digits", "--model_base_path=models/artifacts/digits"]
LONG = 600_000_000  # microseconds: longer than any test waits


class Doubles:
    """A model that doubles x, refuses negative numbers, and waits at its gate. `batches` records its inputs."""

    def __init__(self):
        self.batches, self.inside, self.gate = [], set(), threading.Event()
        self.gate.set()

    def __call__(self, signature, inputs, wanted, timeout):
        self.batches.append(inputs["x"].tolist())
        self.inside.add(threading.get_ident())
        assert self.gate.wait(120)
        self.inside.discard(threading.get_ident())
        if (inputs["x"] < 0).any():
            raise invalid("negative")
        return {"y": 2 * inputs["x"]}

    def holds(self, batches):
        wait_until(lambda: len(self.inside) == batches)


@pytest.fixture
def model():
    return Doubles()


@pytest.fixture
def batcher(model):
    """Start a `Batcher` with `rows` rows in a batch. When the test ends, the gate opens and the batcher is closed."""
    started = []

    def start(rows, timeout=LONG, enqueued=10, threads=1, allowed=(), run=model):
        started.append(Batcher(run, BatchingParameters(rows, timeout, enqueued, threads, allowed)))
        return started[-1]

    yield start
    model.gate.set()
    for one in started:
        one.close()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(32) as threads:
        yield threads


def ask(batcher, rows, timeout=120, signature="s", wanted=(), kind=np.int64):
    return batcher.run(signature, {"x": np.array(rows, kind)}, wanted, timeout)["y"].tolist()


def waiting(batcher):
    """Return how many batches wait."""
    return sum(map(len, batcher._queues._queues.values()))


def refusal(batcher, rows, timeout=120):
    with pytest.raises(RequestRefused) as caught:
        ask(batcher, rows, timeout)
    return caught.value.code.name, str(caught.value)


def test_a_full_batch_runs_as_one_and_each_caller_gets_its_rows(model, batcher, pool):
    answers = [pool.submit(ask, full, rows) for full in [batcher(5)] for rows in ([1, 2], [3], [4, 5])]
    assert [answer.result() for answer in answers] == [[2, 4], [6], [8, 10]]
    assert [sorted(batch) for batch in model.batches] == [[1, 2, 3, 4, 5]]


def test_a_batch_that_does_not_fill_runs_after_the_batch_timeout(model, batcher):
    assert ask(batcher(1000, timeout=1000), [1, 2]) == [2, 4]
    assert model.batches == [[1, 2]]


def test_a_batch_may_wait_for_the_longest_possible_timeout(batcher, pool):
    batches = batcher(2, timeout=2**63 - 1)
    first = pool.submit(ask, batches, [1])
    wait_until(lambda: waiting(batches) == 1 and batches._queues._changed._waiters)  # the thread waits again
    assert (ask(batches, [2]), first.result()) == ([4], [2])


def test_the_rows_of_one_request_stay_in_one_batch(model, batcher, pool):
    batches = batcher(5)
    model.gate.clear()
    first = pool.submit(ask, batches, [1, 2, 3])
    wait_until(lambda: waiting(batches) == 1)
    second = pool.submit(ask, batches, [4, 5, 6, 7, 8])
    model.holds(1)
    model.gate.set()
    assert (first.result(), second.result()) == ([2, 4, 6], [8, 10, 12, 14, 16])
    assert model.batches == [[1, 2, 3], [4, 5, 6, 7, 8]]


requests = st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=24)


@settings(max_examples=60, deadline=None)
@given(requests, st.integers(4, 9), st.integers(1, 3))
def test_each_of_many_concurrent_callers_gets_its_own_answer_or_refusal(asked, rows, threads):
    numbers = itertools.count(1)
    requests = [[next(numbers) * (1 if good else -1) for good in request] for request in asked]
    batcher = Batcher(Doubles(), BatchingParameters(rows, 200, 100, threads))
    with ThreadPoolExecutor(len(requests)) as pool:
        answers = [pool.submit(ask, batcher, request) for request in requests]
    batcher.close()
    for request, answer in zip(requests, answers, strict=True):
        if min(request) < 0:
            assert str(answer.exception()) == "negative"
        else:
            assert answer.result() == [2 * number for number in request]


def test_only_calls_with_equal_signatures_types_shapes_and_outputs_share_a_batch(model, batcher, pool):
    plain = {"rows": [1], "signature": "s", "wanted": (), "kind": np.int64}
    others = [{"signature": "t"}, {"wanted": ["y"]}, {"kind": np.float32}, {"rows": [[1, 1]]}]
    batches, kinds = batcher(2), [plain, *(plain | other for other in others)]
    answers = [pool.submit(ask, batches, **kind) for kind in kinds]
    wait_until(lambda: waiting(batches) == len(kinds))
    answers += [pool.submit(ask, batches, **kind) for kind in kinds]
    assert [answer.result() for answer in answers] == [*[[2]] * 4, [[2, 2]]] * 2
    assert sorted(map(str, model.batches)) == sorted([*["[1, 1]"] * 3, "[1.0, 1.0]", "[[1, 1], [1, 1]]"])


def test_a_full_queue_refuses_until_there_is_room(model, batcher, pool):
    model.gate.clear()
    batches = batcher(1, enqueued=2)
    accepted = [pool.submit(ask, batches, [0])]
    model.holds(1)
    accepted += [pool.submit(ask, batches, [number]) for number in (1, 2)]
    wait_until(lambda: waiting(batches) == 2)
    said = "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and"
    assert refusal(batches, [3]) == ("UNAVAILABLE", f"{said} max_enqueued_batches is 2")
    model.gate.set()
    assert [answer.result() for answer in accepted] == [[0], [2], [4]]
    assert ask(batches, [3]) == [6]


def test_a_request_larger_than_a_batch_is_refused(model, batcher):
    said = "Task size 3 is larger than maximum input batch size 2"
    assert refusal(batcher(2), [1, 2, 3]) == ("INVALID_ARGUMENT", said)
    assert not model.batches


def test_a_request_whose_deadline_passed_while_it_waited_is_not_run(model, batcher, pool):
    model.gate.clear()
    batches = batcher(2)
    first = pool.submit(ask, batches, [1, 1])
    model.holds(1)
    code, _ = refusal(batches, [666], timeout=0.05)
    second = pool.submit(ask, batches, [2])
    model.gate.set()
    assert (code, first.result(), second.result()) == ("DEADLINE_EXCEEDED", [2, 2], [4])
    assert model.batches == [[1, 1], [2]]


def test_as_many_batches_run_at_a_time_as_there_are_threads(model, batcher, pool):
    model.gate.clear()
    batches = batcher(1, threads=2)
    answers = [pool.submit(ask, batches, [number]) for number in range(5)]
    model.holds(2)
    wait_until(lambda: waiting(batches) == 3)
    assert len(model.inside) == 2
    model.gate.set()
    assert sorted(answer.result() for answer in answers) == [[0], [2], [4], [6], [8]]


def test_scalars_and_inputs_with_different_numbers_of_rows_are_refused(model, batcher):
    batches, words = batcher(1000), "Batching Run() input tensors must have"
    assert refusal(batches, 3) == ("INVALID_ARGUMENT", f"{words} at least one dimension")
    with pytest.raises(RequestRefused) as caught:
        batches.run("s", {"x": np.ones(2), "z": np.ones(3)}, (), 120)
    assert (caught.value.code.name, str(caught.value)) == ("INVALID_ARGUMENT", f"{words} equal 0th-dimension size")
    assert not model.batches


def test_a_request_without_rows_or_without_inputs_runs_alone_and_at_once(batcher):
    assert ask(batcher(1000), []) == []
    assert batcher(1000, run=lambda *_: {"y": 1}).run("s", {}, (), 120) == {"y": 1}


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (np.float32(1), "Batched output tensor has 0 dimensions"),
        (np.ones(7), "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the"),
    ],
)
def test_outputs_that_cannot_be_split_by_rows_are_refused(batcher, output, said):
    batches = batcher(2, run=lambda *_: {"y": np.asarray(output)})
    code, message = refusal(batches, [1, 2])
    assert code == "FAILED_PRECONDITION"
    assert message.startswith(said)


def test_a_batch_is_padded_to_an_allowed_size_and_the_padding_is_not_returned(model, batcher, pool):
    batches = batcher(8, timeout=1000, allowed=(2, 4, 8))
    assert ask(batches, [1, 2, 3]) == [2, 4, 6]
    assert model.batches == [[1, 2, 3, 1]]


def test_a_run_that_exceeds_its_deadline_is_not_repeated(batcher):
    runs = []

    def slow(*arguments):
        runs.append(arguments)
        raise RequestRefused(grpc.StatusCode.DEADLINE_EXCEEDED, "too slow")

    with ThreadPoolExecutor() as pool:
        batches = batcher(2, run=slow)
        answers = [pool.submit(refusal, batches, [number]) for number in range(2)]
    assert [answer.result() for answer in answers] == [("DEADLINE_EXCEEDED", "too slow")] * 2
    assert len(runs) == 1


def test_an_unexpected_error_reaches_the_caller_and_the_thread_continues(batcher):
    runs = iter([lambda x: x["nobody"], lambda x: x["x"]])
    batches = batcher(1, run=lambda _signature, inputs, *_: {"y": next(runs)(inputs)})
    with pytest.raises(KeyError, match="nobody"):
        ask(batches, [1])
    assert ask(batches, [1]) == [1]


def test_a_closed_batcher_answers_waiting_calls_and_refuses_new_ones(model, batcher, pool):
    batches = batcher(1000)
    last = pool.submit(ask, batches, [1])
    wait_until(lambda: waiting(batches) == 1)
    batches.close()
    assert last.result() == [2]
    assert refusal(batches, [1]) == ("UNAVAILABLE", "the model is being unloaded")


def test_the_parameters_are_read_from_the_file_and_have_tensorflow_servings_defaults(tmp_path):
    file = tmp_path / "batching.config"
    file.write_text(
        "# two of six\nmax_batch_size { value: 8 }\nallowed_batch_sizes: [2, 8]\nthread_pool_name { value: 'a' }"
    )
    assert read_parameters(file) == BatchingParameters(8, allowed_batch_sizes=(2, 8))
    assert BatchingParameters() == BatchingParameters(1000, 0, 10, os.cpu_count(), ())
    assert read_parameters(Path("synchronous/batching.config")) == BatchingParameters(128, 1000, 100, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_bach_size { value: 8 }", 'has no field named "max_bach_size"'),
        ("pad_variable_length_inputs: true", 'has no field named "pad_variable_length_inputs"'),
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be at least 0; was -1"),
        ("num_batch_threads: 1", "num_batch_threads"),
        ("allowed_batch_sizes: [8, 2]", "allowed_batch_sizes must be positive and increasing; was [8, 2]"),
        ("allowed_batch_sizes: [2, 8]", "last entry was 8; expected 1000"),
    ],
)
def test_an_invalid_file_is_refused_with_the_name_of_the_field(text, said, tmp_path):
    file = tmp_path / "batching.config"
    file.write_text(text)
    with pytest.raises(ConfigRefused) as refused:
        read_parameters(file)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("flags", "size"),
    [
        ([], None),
        (["--enable_batching=false"], None),
        (["--enable_batching"], 1000),
        (["--enable_batching=true", "--batching_parameters_file=synchronous/batching.config"], 128),
    ],
)
def test_batching_is_off_until_it_is_enabled(flags, size):
    batching = parameters_of(parse_flags([*REQUIRED, *flags]))
    assert (batching and batching.max_batch_size) == size


def test_parameters_without_batching_are_an_error(capsys):
    with pytest.raises(SystemExit, match="2"):
        parse_flags([*REQUIRED, "--batching_parameters_file=synchronous/batching.config"])
    assert "without setting --enable_batching" in capsys.readouterr().err


def serve(start_preloaded, free_port, base_path, tmp_path, env=None, **limits):
    """Start the server with batching; return its gRPC port and its REST URL."""
    port, rest, file = free_port(), free_port(), tmp_path / "batching.config"
    file.write_text("\n".join(f"{name} {{ value: {value} }}" for name, value in limits.items()))
    batching = ["--enable_batching", f"--batching_parameters_file={file}", "--grpc_max_threads=32"]
    argv = server_argv(base_path, port, rest, *batching)
    url = f"http://127.0.0.1:{rest}/v1/models/{base_path.name}"
    return start_preloaded("batching", argv, lambda: answers(url), env) and (port, url)


def test_an_undecodable_image_fails_alone_and_the_rest_of_its_batch_gets_the_usual_answers(
    start_preloaded, free_port, artifacts, tmp_path, digit_images, serving, pool
):
    # The model's two warm-up requests wait for a second each, too.
    limits = {"max_batch_size": 16, "batch_timeout_micros": 1_000_000, "num_batch_threads": 1}
    port, _ = serve(start_preloaded, free_port, artifacts / "digits", tmp_path, **limits)
    batched, alone = GrpcTransport(f"127.0.0.1:{port}"), GrpcTransport(serving.grpc)
    images = [image.data for image in digit_images[:14]]
    asked = [
        pool.submit(batched.predict, "digits", [image], 200) for image in [*images[:7], b"no", *images[7:], b"image"]
    ]
    for bad in (asked.pop(15), asked.pop(7)):
        assert bad.exception().code == "INVALID_ARGUMENT"
    for [got], expected in zip((one.result() for one in asked), alone.predict("digits", images, 200), strict=True):
        assert (got.label, got.probability) == (expected.label, pytest.approx(expected.probability, abs=1e-6))


def test_a_server_batches_its_callers_and_answers_503_when_the_queue_is_full(
    start_preloaded, free_port, saved_models, tmp_path, pool
):
    limits = {"max_batch_size": 2, "batch_timeout_micros": LONG, "max_enqueued_batches": 1, "num_batch_threads": 1}
    port, url = serve(
        start_preloaded, free_port, saved_models / "hold", tmp_path, {"TF_NUM_INTEROP_THREADS": "4"}, **limits
    )
    transport, paths = GrpcTransport(f"127.0.0.1:{port}"), [tmp_path / "a", tmp_path / "b"]
    calls = [pool.submit(transport.predict, "hold", [str(path).encode()], 200) for path in paths]
    wait_until(lambda: any(tmp_path.glob("*.started")))
    full = {"instances": [{"b64": base64.b64encode(str(tmp_path / "c").encode()).decode()}] * 2}
    posts = [pool.submit(httpx.post, f"{url}:predict", json=full, timeout=200) for _ in range(2)]
    late = next(as_completed(posts)).result()
    assert (late.status_code, "queue to which this task was submitted is full" in late.text) == (503, True)
    with pytest.raises(ServingError, match="UNAVAILABLE: The batch scheduling queue"):
        transport.predict("hold", [b"d", b"d"], 200)
    assert len(list(tmp_path.glob("*.started"))) == 1
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.release").touch()
    assert [call.result() for call in calls] == [[Prediction(str(path), 1.0)] for path in paths]
    assert sorted(post.result().status_code for post in posts) == [200, 503]
