"""A real cluster, a real Sentinel with a failover, and a Redis that refuses connections."""

import asyncio
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import uvloop
from redis.backoff import NoBackoff
from redis.retry import Retry

from asynchronous.checks.redis_errors import RedisMisconfigured
from asynchronous.connections import forms
from asynchronous.errors import RedisAway
from asynchronous.job_queue import JobQueue
from asynchronous.settings import Settings
from local import servers
from local.processes import ROOT, Program, wait_until

from ..acl import RULE
from ..conftest import PNG, SEVEN, Consumer, Queue, png


@pytest.fixture
def cluster(tmp_path):
    """Three nodes that share all slots; return their ports."""
    ports = [servers.free_port() for _ in range(3)]
    bus = [servers.free_port() for _ in range(3)]
    options = [("--cluster-enabled", "yes", "--cluster-port", str(port)) for port in bus]
    started = [servers.redis_server(port, tmp_path / str(port), *options[n]) for n, port in enumerate(ports)]
    nodes = [program.wait_ready() and redis.Redis(port=port) for program, port in zip(started, ports, strict=True)]
    for number, node in enumerate(nodes):
        slots = number * 16384 // 3, (number + 1) * 16384 // 3 - 1
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
        nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", ports[number], bus[number])
    wait_until(lambda: all(node.cluster("INFO")["cluster_state"] == "ok" for node in nodes), what="the cluster")
    yield ports
    for program in started:
        program.stop()


def test_jobs_run_on_a_cluster_and_waiting_clients_are_woken(cluster):
    settings = Settings(redis_url=f"redis+cluster://127.0.0.1:{cluster[0]},127.0.0.1:{cluster[1]}", queue="{jobs}")
    queue, one = Queue(settings), Consumer(settings, "a")
    jobs = [queue.put() for _ in range(3)]
    one.finish(one.claim(1), [SEVEN] * 3)
    assert [queue.wait(job_id, 5).label for job_id in jobs] == ["7"] * 3
    assert one.queue_is_empty()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{}/0", "redis+cluster://127.0.0.1:{}"])
def test_a_queue_that_a_cluster_cannot_hold_is_refused_with_the_remedy(cluster, url):
    with pytest.raises(RedisMisconfigured, match="QUEUE to a name in braces"):
        Queue(Settings(redis_url=url.format(cluster[0]))).put()


def test_a_user_of_a_cluster_needs_the_permissions_that_are_listed_for_it(cluster):
    text = (ROOT / "asynchronous" / "REDIS.md").read_text()
    [more] = re.findall("A user of a cluster also needs `(.*)`", text)
    rule = [*RULE.split(), "~{jobs}", "~{jobs}:*", "~{jobs}_*", "&{jobs}:*"]
    for port in cluster:
        redis.Redis(port=port).execute_command("ACL", "SETUSER", "app", "on", ">secret", *rule, *more.split())
        redis.Redis(port=port).execute_command("ACL", "SETUSER", "less", "on", ">secret", *rule)
    for user, password in (("less", "secret"), ("app", "wrong")):
        url = f"redis+cluster://{user}:{password}@127.0.0.1:{cluster[0]}"
        with pytest.raises(RedisMisconfigured, match=r"NOPERM|WRONGPASS"):
            Consumer(Settings(redis_url=url, queue="{jobs}"), "a")
    settings = Settings(redis_url=f"redis+cluster://app:secret@127.0.0.1:{cluster[0]}", queue="{jobs}")
    queue, one = Queue(settings), Consumer(settings, "a")
    job_id = queue.put()
    one.finish(one.claim(1), [SEVEN])
    assert queue.read(job_id).label == "7"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+cluster://127.0.0.1:{}", "this Redis is not a cluster"),
        ("redis+sentinel://127.0.0.1:{}/main/0", "REDIS_URL must name Sentinels"),
        ("redis://127.0.0.1:{}/99", "the number of a database that this Redis has"),
    ],
)
def test_a_url_of_another_kind_of_redis_is_refused_with_the_remedy(redis_port, url, said):
    with pytest.raises(RedisMisconfigured, match=said):
        Consumer(Settings(redis_url=url.format(redis_port), queue="{jobs}"), "a")


@pytest.fixture
def sentinel(tmp_path):
    """A master, a replica and a Sentinel that fails over soon; return its port, the master, the replica."""
    first, second, port = [servers.free_port() for _ in range(3)]
    master = servers.redis_server(first, tmp_path / "first", "--appendonly", "yes").wait_ready()
    replica = servers.redis_server(second, tmp_path / "second", "--replicaof", f"127.0.0.1 {first}").wait_ready()
    wait_until(lambda: redis.Redis(port=second).info("replication")["master_link_status"] == "up")
    file = tmp_path / "sentinel.conf"
    watch = f"sentinel monitor main 127.0.0.1 {first} 1\nsentinel down-after-milliseconds main 1000\n"
    file.write_text(f"port {port}\nbind 127.0.0.1\n{watch}sentinel failover-timeout main 4000\n")
    argv = [*servers.redis_argv(), str(file), "--sentinel"]
    watcher = Program("sentinel", argv, lambda: servers.redis_answers(port), tmp_path / "sentinel.log").wait_ready()
    wait_until(lambda: redis.Redis(port=port).info("sentinel")["master0"]["slaves"] == 1)
    with redis.Redis(port=second) as client:
        yield port, master, client
    for program in (watcher, replica, master):
        program.stop()


def until_redis_answers(step):
    """Return what a step returns. A Sentinel that gets no CPU time names no master for a while."""
    end = time.monotonic() + 60
    while True:
        try:
            return step()
        except RedisAway:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def test_no_job_is_lost_in_a_failover_of_a_sentinel(sentinel):
    port, master, replica = sentinel
    settings = Settings(redis_url=f"redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/main/0")
    one = Consumer(settings, "a")
    one.join()

    async def run():
        queue = JobQueue(settings)
        async with queue.redis:
            job_id = await queue.submit(uuid.uuid4().hex, b"image")
            await asyncio.to_thread(wait_until, lambda: replica.exists(f"{job_id}_job"), what="the copy")
            master.kill()
            return job_id, await again(queue)

    async def again(queue):
        async with asyncio.timeout(60):
            while True:
                try:
                    return await queue.submit(uuid.uuid4().hex, b"image")
                except RedisAway:
                    await asyncio.sleep(0.2)

    jobs = asyncio.run(run())
    claims = until_redis_answers(lambda: one.claim(1))
    until_redis_answers(lambda: one.finish(claims, [SEVEN] * 2))
    read = lambda job_id: until_redis_answers(lambda: Queue(settings).read(job_id))  # noqa: E731
    assert [read(job_id).label for job_id in jobs] == ["7", "7"]


@pytest.mark.parametrize("option", ["", "?sentinel_password=wrong"])
def test_a_sentinel_that_refuses_the_password_is_named_by_proxy_and_worker(sentinel, option):
    port, *_ = sentinel
    redis.Redis(port=port).execute_command("ACL", "SETUSER", "default", "resetpass", ">hunter2")
    refused = Settings(redis_url=f"redis+sentinel://127.0.0.1:{port}/main/0{option}")
    for use in (Queue(refused).put, lambda: Consumer(refused, "a")):
        with pytest.raises(RedisMisconfigured, match="sentinel_password in REDIS_URL is missing or wrong"):
            use()
    allowed = Settings(redis_url=f"redis+sentinel://127.0.0.1:{port}/main/0?sentinel_password=hunter2")
    assert Queue(allowed).put()


@pytest.mark.parametrize("form", ["redis", "redis+sentinel", "redis+cluster"])
def test_a_connection_that_redis_has_reset_is_replaced(form, redis_port, request):
    ports, url = [redis_port], f"redis://127.0.0.1:{redis_port}/0"
    if form == "redis+cluster":
        ports = request.getfixturevalue("cluster")
        url = f"redis+cluster://127.0.0.1:{ports[0]}"
    elif form == "redis+sentinel":
        port, _, replica = request.getfixturevalue("sentinel")
        ports, url = [replica.info("replication")["master_port"]], f"redis+sentinel://127.0.0.1:{port}/main/0"

    async def run():
        queue = JobQueue(Settings(redis_url=url, queue="{jobs}"))
        async with queue.redis:
            for _ in range(3):
                with pytest.raises(RedisAway):
                    await queue.submit(uuid.uuid4().hex, bytes(2**21))
                await asyncio.sleep(0.5)  # Redis closes without reading the rest, which resets the connection
                assert await queue.submit(uuid.uuid4().hex, b"image")

    clients = [redis.Redis(port=port) for port in ports]
    for client in clients:
        client.config_set("proto-max-bulk-len", 2**20)
    try:
        uvloop.run(run())  # uvicorn's loop, whose error is of another kind
    finally:
        for client in clients:
            client.config_set("proto-max-bulk-len", 2**29)


def test_while_redis_refuses_new_connections_those_that_work_are_used(proxy, store):
    _, api = proxy(REDIS_CONNECTIONS=32)
    clients = store.config_get("maxclients")["maxclients"]
    with ThreadPoolExecutor(20) as pool:
        submit = lambda _: api.post("/predict", content=png(), headers=PNG).status_code  # noqa: E731
        assert submit(0) == 202
        store.config_set("maxclients", store.info("clients")["connected_clients"])
        try:
            list(pool.map(submit, range(20)))  # some need a new connection
            assert [submit(number) for number in range(10)] == [202] * 10
        finally:
            store.config_set("maxclients", clients)


def test_a_url_names_users_ports_and_tls():
    url = "redis+sentinel://app:a%23b@one,two:7/main/3?ssl=true&ssl_ca_certs=ca.pem&sentinel_password=x"
    addresses, name, master, own = forms._sentinel(url, {"retry": Retry(NoBackoff(), 0)})
    assert (addresses, name) == ([("one", 26379), ("two", 7)], "main")
    assert (master["username"], master["password"], master["db"], master["ssl"]) == ("app", "a#b", 3, True)
    assert (own["password"], own["ssl_ca_certs"]) == ("x", "ca.pem")
