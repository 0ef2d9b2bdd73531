"""What a container needs outlives containerd's garbage collector, however long it rests."""

import asyncio
import json
from pathlib import Path

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from wherry.containerd.channel import Channel
from wherry.containerd.images import Images
from wherry.containerd.leases import EXPIRE_LABEL, Leases
from wherry.containerd.snapshots import Snapshots
from wherry.main.demo import find_busybox, make_archive, make_layer

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


async def forget_image(engine: Engine, name: str) -> None:
    """Delete the record of an image behind the engine's back, as `ctr images rm` does: it keeps no layers any more."""
    channel = Channel(str(engine.exec / "containerd" / "containerd.sock"), "moby")
    await channel.open(10.0)
    try:
        await Images(channel).delete(name)
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


def test_a_container_keeps_the_layers_of_an_image_that_is_gone(engine: Engine) -> None:
    layer = make_layer(Path(find_busybox()).read_bytes(), ["sh", "echo", "cat", "leaving"])
    engine.ok("load", stdin=make_archive("leaving:1", {"Cmd": ["sh"], "Env": ["PATH=/bin"]}, layer, "amd64"))
    (chain,) = json.loads(engine.ok("image", "inspect", "-f", "{{json .RootFS.Layers}}", "leaving:1"))
    ended = engine.ok("run", "-d", "leaving:1", "sh", "-c", "echo once >>/count; cat /count")
    engine.ok("wait", ended)
    asyncio.run(forget_image(engine, "docker.io/library/leaving:1"))
    assert {ended, chain} <= set(asyncio.run(expire_all_and_collect(engine)))
    assert engine.ok("start", "-a", ended).splitlines()[-2:] == ["once", "once"]
    engine.ok("rm", ended)
    assert chain not in asyncio.run(expire_all_and_collect(engine))
