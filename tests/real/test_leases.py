"""What a container needs outlives containerd's garbage collector, however long it rests."""

import asyncio

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from wherry.containerd.channel import Channel
from wherry.containerd.leases import EXPIRE_LABEL, Leases
from wherry.containerd.snapshots import Snapshots

LONG_AGO = 1_000_000_000
"""Nanoseconds: one second after the epoch."""


async def expire_all_and_collect(engine: Engine) -> list[str]:
    """Let every lease that can expire do so, then collect; return the snapshots that are left."""
    channel = Channel(str(engine.exec / "containerd" / "containerd.sock"), "moby")
    await channel.open(10.0)
    try:
        leases = Leases(channel)
        for lease in await leases.list():
            if EXPIRE_LABEL in lease.labels:
                await leases.delete(lease.id)
                await leases.create(lease.id, lease.labels, LONG_AGO)
        await leases.create("collect", {}, LONG_AGO)
        await leases.delete("collect", sync=True)
        return [snapshot.name for snapshot in await Snapshots(channel, "overlayfs").list()]
    finally:
        await channel.close()


def test_a_container_that_rested_starts(engine: Engine) -> None:
    ended = engine.ok("run", "-d", IMAGE, "sh", "-c", "echo once >>/count; cat /count")
    engine.ok("wait", ended)
    created = engine.ok("create", IMAGE, "true")
    left = asyncio.run(expire_all_and_collect(engine))
    assert {ended, created} <= set(left)
    engine.ok("start", "-a", created)
    assert engine.ok("start", "-a", ended).splitlines()[-2:] == ["once", "once"]
    assert engine.ok("run", "--rm", IMAGE, "echo", "hello") == "hello", "the image is whole"
