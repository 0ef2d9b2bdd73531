"""Programs of runtimes in sealed memory."""

import fcntl
import os
from pathlib import Path

import pytest

from tests.unit.streams_harness import ID, SOON, engine
from wherry.host.packets import close_all
from wherry.runtimes import sealed
from wherry.runtimes.sealed import SEALS, Programs

SHELL = os.path.realpath("/bin/sh")


async def test_a_copy_has_all_seals_and_follows_its_file(tmp_path: Path) -> None:
    program, programs = tmp_path / "program", Programs()
    program.write_bytes(b"\x7fELF one")
    (first,) = await programs.lend(str(program))
    (again,) = await programs.lend(str(program))
    assert os.path.samestat(os.fstat(first), os.fstat(again))
    assert fcntl.fcntl(first, fcntl.F_GET_SEALS) == SEALS
    program.write_bytes(b"\x7fELF another")
    (other,) = await programs.lend(str(program))
    assert os.pread(first, 20, 0) == b"\x7fELF one", "what was lent stays as it was"
    assert os.pread(other, 20, 0) == b"\x7fELF another"
    with pytest.raises(OSError, match="not permitted"):
        os.write(other, b"x")
    close_all([first, again, other])


async def test_what_is_no_program_is_run_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, programs = tmp_path / "script", Programs()
    assert await programs.lend(str(script)) == [], "not there"
    script.write_text("#!/bin/sh\n")
    assert await programs.lend(str(script)) == []
    assert await programs.lend(str(tmp_path)) == []
    monkeypatch.setattr(sealed, "MOST", 8)
    assert await programs.lend(SHELL) == []


def refuse(_name: str, _flags: int) -> int:
    raise PermissionError


async def test_a_system_without_such_memory_runs_programs_by_their_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "memfd_create", refuse)
    assert await Programs().lend(SHELL) == []


async def test_a_keeper_runs_the_copy_and_where_that_is_refused_the_file(tmp_path: Path) -> None:
    root = tmp_path / "x"
    root.mkdir()
    async with engine(root) as it:
        keeper = await it.keepers.fork(ID, 1, it.target)
        await keeper.open(False, False, parent=True)
        given = {"argv": [SHELL, "-c", "readlink /proc/$$/exe >&2; exit 3"], "environ": {"PATH": os.defpath}}
        given["log"] = str(tmp_path / "log")
        lent = await Programs().lend(SHELL)
        answer = await keeper.ask("run", lent, deadline=SOON, **given)
        assert (answer["status"], answer["talk"]) == (3, f"/memfd:{os.path.basename(SHELL)} (deleted)\n")
        close_all(lent)
        with open(os.devnull) as nothing:
            answer = await keeper.ask("run", [nothing.fileno()], deadline=SOON, **given)
        assert answer["talk"] == f"{SHELL}\n"
        await keeper.end(1.0)
        await it.keepers.release(ID, 1)
