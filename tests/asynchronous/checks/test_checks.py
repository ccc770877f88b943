"""What endangers accepted jobs is reported when a program starts."""

import sys

import pytest

from asynchronous.checks.dangers import dangers

SOUND = {"maxmemory_policy": "noeviction", "maxmemory": 10**8, "aof_enabled": 1, "redis_version": "7.0.15"}


@pytest.mark.parametrize(
    ("wrong", "clock", "check"),
    [
        ({"maxmemory_policy": "volatile-lru"}, 0, "eviction"),
        ({"aof_enabled": 0}, 0, "persistence"),
        ({"redis_version": "6.2.14"}, 0, "version"),
        ({}, -60.0, "clock"),
    ],
)
def test_each_danger_is_found_and_a_sound_redis_has_none(wrong, clock, check):
    assert [name for name, _ in dangers(SOUND | wrong, clock)] == [check]
    assert list(dangers(SOUND, 0.5)) == []


@pytest.fixture
def evicting(store):
    store.config_set("maxmemory", "100mb")
    store.config_set("maxmemory-policy", "volatile-lru")
    yield
    store.config_set("maxmemory-policy", "noeviction")
    store.config_set("maxmemory", "0")


def test_an_eviction_policy_is_a_warning_and_a_metric(proxy, evicting):
    program, api = proxy()
    assert "maxmemory-policy is volatile-lru" in program.log.read_text()
    lines = api.get("/metrics").text.splitlines()
    assert 'jobs_redis_danger{check="eviction"} 1.0' in lines
    assert 'jobs_redis_danger{check="version"} 0.0' in lines


@pytest.mark.parametrize("argv", [["uvicorn", "--factory", "asynchronous.app:create_app"], ["asynchronous.worker"]])
def test_with_strict_redis_neither_program_starts(evicting, start, redis_url, argv, free_port):
    argv = [*argv, "--port", str(free_port())] if argv[0] == "uvicorn" else argv
    env = {"REDIS_URL": redis_url, "STRICT_REDIS": "true"}
    program = start("program", [sys.executable, "-m", *argv], env=env)
    assert program.wait() == 1
    assert program.log.read_text().splitlines()[-1].startswith("Redis: maxmemory-policy is volatile-lru")
