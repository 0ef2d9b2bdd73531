"""Execs in an engine with fakes."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.life_fakes import FakeKeeper, World, daemon, until
from wherry.model.container import ExecRequest, ExecStart


async def test_the_end_of_an_exec_is_told_before_its_clients_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with daemon(World(tmp_path)) as engine:
        rec = await engine.create()
        await engine.starter(rec.id)
        told: list[list[str]] = []

        async def end_exec(*_: Any) -> None:
            told.append([event.action for event in engine.bus.past(lambda event: event.kind == "container")])

        monkeypatch.setattr(FakeKeeper, "end_exec", end_exec)
        exec_id = await engine.exec.create(rec.id, ExecRequest(cmd=["true"]))
        await engine.exec.start(exec_id, ExecStart(detach=True)).run_detached()
        engine.world.shim.tasks[rec.id].execs[exec_id].end(0)
        await until(lambda: bool(told))
        assert told[0][-2:] == ["exec_start: true", "exec_die"]
        assert engine.exec.inspect(exec_id)["ExitCode"] == 0
        await engine.kill(rec.id, "KILL")
