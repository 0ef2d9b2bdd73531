"""containerd holds a container of our id already: it is taken away once, and a second conflict fails the start."""

from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.life_fakes import World, daemon, refused
from wherry.base.errors import Conflict, System
from wherry.containerd.tasks import Exit
from wherry.runtimes.shim import Shim
from wherry.state.record import Phase

IDENT = "a" * 64
EXISTS = f'container "{IDENT}": already exists'


class Containerd:
    """Containers and tasks at once: so many creates meet a stale container whose task runs."""

    def __init__(self, conflicts: int) -> None:
        self.conflicts = conflicts
        self.running = True
        self.calls: list[str] = []

    async def create(self, ident: str, *_: object, **__: object) -> None:
        self.calls.append("create")
        if self.calls.count("create") <= self.conflicts:
            raise Conflict(EXISTS)

    async def kill(self, ident: str, *_: object, **__: object) -> None:
        self.calls.append("kill")
        self.running = False

    async def wait(self, ident: str, *_: object) -> Exit:
        return Exit(137, 1)


class Tasks(Containerd):
    async def delete(self, ident: str) -> None:
        if self.running:
            raise System("task must be stopped before deletion: running")
        self.calls.append("delete task")


class Containers(Containerd):
    async def delete(self, ident: str) -> None:
        self.calls.append("delete container")


@pytest.mark.parametrize("conflicts", [1, 2])
async def test_a_stale_container_is_taken_away_once(conflicts: int) -> None:
    containers, tasks = Containers(conflicts), Tasks(0)
    shim = Shim(cast(Any, containers), cast(Any, tasks), {})
    runtime = cast(Any, type("Runtime", (), {"shim": "io.containerd.runc.v2", "options": None}))
    if conflicts == 1:
        await shim.register(IDENT, {"process": {}}, runtime, "")
    else:
        with pytest.raises(Conflict, match="already exists"):
            await shim.register(IDENT, {"process": {}}, runtime, "")
    assert containers.calls == ["create", "delete container", "create"]
    assert tasks.calls == ["kill", "delete task"]


async def test_the_process_of_a_container_is_kept_for_its_execs() -> None:
    shim = Shim(cast(Any, Containers(0)), cast(Any, Tasks(0)), {})
    runtime = cast(Any, type("Runtime", (), {"shim": "io.containerd.runc.v2", "options": None}))
    await shim.register(IDENT, {"process": {"cwd": "/"}}, runtime, "")
    taken = await shim.process(IDENT)  # these containers have no `get`: nobody is asked
    taken["cwd"] = "/elsewhere"
    assert await shim.process(IDENT) == {"cwd": "/"}


async def test_a_second_conflict_takes_the_error_table_and_leaves_nothing(tmp_path: Path) -> None:
    """Of no row: 128, and 500 with containerd's own words instead of the 409 of a name that is taken."""
    world = World(tmp_path)

    async def register(*_: object) -> None:
        raise Conflict(EXISTS)

    world.shim.register = register  # type: ignore[method-assign]
    async with daemon(world) as engine:
        rec = await engine.create()
        failure = await refused(engine.starter(rec.id))
        assert isinstance(failure, System)
        assert EXISTS in str(failure)
        rec = engine.store.get(rec.id)
        assert (rec.phase, rec.exit_code, EXISTS in rec.error) == (Phase.CREATED, 128, True)
        assert engine.leaks() == []
