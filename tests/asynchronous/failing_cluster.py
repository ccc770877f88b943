"""A Redis Cluster in which the node with the queue is killed, and its replica takes over."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from local import servers
from local.processes import Program, wait_until
from local.stack import DURABLE

MASTERS, NODES = 3, 4  # the last is a replica of the first, which holds nearly all slots
NODE_TIMEOUT = 1000  # milliseconds after which the others take a node for dead


class FailingCluster:
    """Three masters, which vote, and one replica."""

    def __init__(self, folder: Path, queue: str) -> None:
        self._folder, self._slot = folder, key_slot(queue.encode())
        self.ports = [servers.free_port() for _ in range(NODES)]
        self._bus = [servers.free_port() for _ in range(NODES)]
        self._programs: dict[int, Program] = {}
        self.killed: int | None = None

    def _start(self, port: int) -> Program:
        bus = str(self._bus[self.ports.index(port)])
        options = ["--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", str(NODE_TIMEOUT)]
        self._programs[port] = servers.redis_server(port, self._folder / str(port), *options, *DURABLE)
        return self._programs[port]

    def start(self) -> Program:
        """Start all nodes, or the one that was killed, when another has taken over; return the last of them."""
        if self.killed is not None:
            wait_until(lambda: self.owner() not in (None, self.killed), 60, "a failover")
            port, self.killed = self.killed, None
            self._programs[port].stop()
            return self._start(port)
        started = [self._start(port).wait_ready() for port in self.ports]
        nodes = [redis.Redis(port=port) for port in self.ports]
        for number, slots in enumerate([(0, 16381), (16382, 16382), (16383, 16383)]):
            nodes[number].execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
        for number in range(1, NODES):
            nodes[number].execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)

        def formed() -> bool:
            # Each node forgets one that does not answer within NODE_TIMEOUT, so they are introduced again and again.
            for port, bus in zip(self.ports[1:], self._bus[1:], strict=True):
                nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
            return all(node.cluster("INFO")["cluster_state"] == "ok" for node in nodes)

        wait_until(formed, 120, "the cluster")
        nodes[-1].execute_command("CLUSTER", "REPLICATE", nodes[0].cluster("MYID"))
        wait_until(lambda: nodes[-1].info("replication").get("master_link_status") == "up", 60, "the replica")
        return started[-1]

    def owner(self) -> int | None:
        """Return the port of the master that holds the queue, as the living nodes know it."""
        for port in self.ports:
            with suppress(redis.RedisError), redis.Redis(port=port, socket_timeout=1) as node:
                for address, each in node.cluster("NODES").items():
                    flags = each["flags"].split(",")
                    holds = any(int(slots[0]) <= self._slot <= int(slots[-1]) for slots in each["slots"])
                    if "master" in flags and "fail" not in flags and "fail?" not in flags and holds:
                        return int(address.partition("@")[0].rpartition(":")[2])
        return None

    def kill(self) -> int:
        """Kill the owner when its replica has confirmed what it had written; return the id of its process.

        A replica that is still copying cannot take over. One that has just copied gets later writes only after its
        first confirmation, although the owner already calls it online.
        """
        written: list[int] = []
        wait_until(lambda: self._is_confirmed(written), 60, "a replica that has confirmed all writes")
        self.killed = self.owner()
        assert self.killed
        self._programs[self.killed].kill()
        return self._programs[self.killed].pid

    def _is_confirmed(self, written: list[int]) -> bool:
        """Return whether a replica has confirmed what was written at the first call; `written` holds the offsets."""
        if not (found := self._replication()):
            return False
        written.append(found["master_repl_offset"])
        replicas = [found[f"slave{number}"] for number in range(NODES) if f"slave{number}" in found]
        return any(each["state"] == "online" and each["offset"] >= written[0] for each in replicas)

    def _replication(self) -> dict[str, Any]:
        """Return what the owner knows about its replicas; nothing if there is no owner now."""
        with suppress(redis.RedisError), redis.Redis(port=self.owner() or 0, socket_timeout=1) as owner:
            return dict(owner.info("replication"))
        return {}

    def stop(self) -> None:
        for program in self._programs.values():
            program.stop()
