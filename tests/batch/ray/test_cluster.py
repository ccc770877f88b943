"""What an actor cannot do ends the run in one line, with the exit code of its cause."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from batch.artifact import ArtifactRefused
from batch.ray import __main__ as command
from batch.ray.environment import ClusterAway, check_cluster
from tests.batch.ray.conftest import COLUMNS, flowers, write


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "127.0.0.1:99999", "no-such-host.invalid:6379"])
def test_a_cluster_that_does_not_answer_is_refused_at_once(monkeypatch, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ClusterAway, match="RAY_ADDRESS: no cluster answers at "):
        check_cluster()


@pytest.mark.parametrize("address", ["", "auto", "ray://127.0.0.1:1"])
def test_an_address_of_another_kind_is_left_to_ray(monkeypatch, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    check_cluster()


@pytest.fixture
def worker():
    from batch.ray.cluster import Worker  # Ray takes seconds to import

    return Worker


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (OSError(28, "No space left\non device"), {"refused": "[Errno 28] No space left on device", "exit_code": 2}),
        (ClusterAway("gone"), {"refused": "gone", "exit_code": 2}),
        (None, {"refused": "", "exit_code": 0, "done": 3}),
    ],
)
def test_an_actor_answers_why_a_part_cannot_be_done(worker, monkeypatch, error, answer):
    def score(row):
        if error:
            raise error
        return {"done": 3, "failed": 0}

    monkeypatch.setattr("batch.ray.cluster.Scorer", lambda job: score)
    assert worker(None)({}) == {"done": 0, "failed": 0} | answer


def test_a_bug_in_an_actor_is_raised(worker, monkeypatch):
    monkeypatch.setattr("batch.ray.cluster.Scorer", lambda job: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        worker(None)


def test_the_command_ends_with_the_exit_code_of_the_actor(artifacts, tmp_path, monkeypatch):
    from batch.ray import cluster

    class Pool:
        """Ray Data with one actor in this process."""

        def map(self, kind, fn_constructor_args, **_):
            self.actor = kind(*fn_constructor_args)
            return self

        def iter_rows(self):
            yield self.actor({})

    def another(job):
        raise ArtifactRefused("it is not the model that the run began with")

    monkeypatch.setattr(cluster, "Scorer", another)
    monkeypatch.setattr(cluster.ray.data, "from_items", lambda *_, **__: Pool())
    monkeypatch.setattr(cluster.ray.data, "DataContext", SimpleNamespace(get_current=SimpleNamespace))
    monkeypatch.setattr(cluster, "connected", nullcontext)
    monkeypatch.setenv("MODEL_DIR", str(artifacts / "iris"))
    source = write(tmp_path / "in.parquet", flowers(3))
    argv = [str(source), str(tmp_path / "out"), "--columns", COLUMNS, "--actors", "1"]
    ended = CliRunner().invoke(command.app, argv, catch_exceptions=False)
    assert (ended.exit_code, ended.stderr) == (5, "it is not the model that the run began with\n")
