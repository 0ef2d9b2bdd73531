"""Reload: which keys, whole or nothing, and what the event tells (weak place 41)."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wherry.base.errors import InvalidParameter
from wherry.base.events import Event, EventBus
from wherry.images.slots import Slots
from wherry.main.config import Config, load
from wherry.main.reload import FALLS_BACK, RELOADABLE, Identity, Reload, attributes, merge

WHO = Identity("an-id", "vm")


class World:
    """A file, a daemon that was started with it, and two takers."""

    def __init__(self, path: Path, **started: Any) -> None:
        self.path, self.bus, self.taken = path, EventBus(), list[tuple[str, Config]]()
        self.refuses = ""
        self.write(**started)
        self.flags = {"config-file": str(path)}
        takers = (self.taker("first"), self.taker("second"))
        self.reload = Reload(self.flags, load(self.flags), takers, self.bus, WHO)

    def write(self, **keys: Any) -> None:
        self.path.write_text(json.dumps({key.replace("_", "-"): value for key, value in keys.items()}))

    def taker(self, name: str) -> Callable[[Config], Callable[[], None]]:
        def prepare(config: Config) -> Callable[[], None]:
            if self.refuses == name:
                raise InvalidParameter(f"{name} cannot")
            return partial(self.taken.append, (name, config))

        return prepare

    def told(self) -> list[Event]:
        return self.bus.past(lambda _: True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "daemon.json", labels=["a=b"])


async def test_what_is_taken_and_told(world: World) -> None:
    world.write(debug=True, labels=["c=d"], shutdown_timeout=4, registry_mirrors=["http://m:5000"])
    assert await world.reload()
    assert [name for name, _ in world.taken] == ["first", "second"]
    assert world.reload.config is world.taken[0][1]
    assert (world.reload.config.debug, world.reload.config.labels) == (True, ("c=d",))
    (event,) = world.told()
    assert (event.kind, event.action, event.actor.ident) == ("daemon", "reload", "an-id")
    assert event.actor.attributes == {
        "name": "vm", "debug": "true", "labels": '["c=d"]', "live-restore": "false", "max-concurrent-downloads": "3",
        "insecure-registries": "[]", "registry-mirrors": '["http://m:5000"]', "shutdown-timeout": "4",
        "default-cgroupns-mode": "", "default-ipc-mode": "private", "default-runtime": "runc",
        "default-shm-size": "67108864", "runtimes": "",
    }  # fmt: skip


async def test_a_key_that_is_gone_keeps_its_value_or_falls_back(world: World) -> None:
    world.write(max_concurrent_downloads=7)
    assert await world.reload()
    assert (world.reload.config.labels, world.reload.config.max_concurrent_downloads) == (("a=b",), 7)
    world.write()
    assert await world.reload()
    assert (world.reload.config.labels, world.reload.config.max_concurrent_downloads) == (("a=b",), 3)


async def test_other_keys_wait_for_a_restart(world: World) -> None:
    world.write(mtu=9000, dns=["1.2.3.4"], log_level="error")
    assert await world.reload()
    assert (world.reload.config.mtu, world.reload.config.dns) == (1500, ())


@pytest.mark.parametrize(
    "text",
    [
        '{"debug": true, "nosuch": 1}',
        '{"debug": true, "max-concurrent-downloads": -2}',
        '{"debug": true, "registry-mirrors": ["ftp://x"]}',
        '{"debug": true, "labels": ["bad"]}',
        '{"debug": tru',
        '{"debug": true, "live-restore": "yes"}',
    ],
)
async def test_a_wrong_file_changes_nothing(world: World, text: str) -> None:
    before = world.reload.config
    world.path.write_text(text)
    assert not await world.reload()
    assert (world.reload.config, world.taken, world.told()) == (before, [], [])


@pytest.mark.parametrize("refuses", ["first", "second"])
async def test_weak_41_one_that_cannot_prepare_stops_all(world: World, refuses: str) -> None:
    before, world.refuses = world.reload.config, refuses
    world.write(debug=True)
    assert not await world.reload()
    assert (world.reload.config, world.taken, world.told()) == (before, [], [])


async def test_a_file_that_is_gone_changes_nothing(world: World) -> None:
    world.path.unlink()
    assert not await world.reload()


def test_every_reloadable_key_is_a_field() -> None:
    config = Config()
    for key in RELOADABLE.keys() | FALLS_BACK:
        assert hasattr(config, key.replace("-", "_"))
    assert attributes(config, "vm").keys() == {"name", *RELOADABLE}
    assert merge(config, Config()) == config


async def test_another_limit_of_downloads() -> None:
    slots = Slots(1)
    async with slots.download():
        slots.limit(2)
        async with slots.download(), slots.download():
            pass
