"""What the shim tier does, shown on the real one of a real containerd (tests/real) and on the fake (tests/unit).

So the fake cannot drift from the truth: the fault matrix and the model of a life run on it.
"""

import asyncio
from typing import Any, Protocol

import pytest

from wherry.base.errors import Conflict, DeadlineExceeded, NotFound, System
from wherry.runtimes.tier import Tier

KILL, TERM = 9, 15
KILLED = 137
SECONDS = 30.0
PIPES = ("", "", "")
IDENT, EXEC = "conformance-1", "e1"


class Bench(Protocol):
    """A tier with containers whose processes live until they are told to exit."""

    shim: Tier
    runtime: Any

    def spec(self) -> dict[str, Any]:
        """The OCI spec of a container."""

    def process(self) -> bytes:
        """The OCI process of an exec, as JSON."""

    async def end(self, ident: str, code: int, exec_id: str = "") -> None:
        """Let a running process exit."""


async def registered(bench: Bench, ident: str = IDENT) -> str:
    await bench.shim.register(ident, bench.spec(), bench.runtime, "")
    return ident


async def created(bench: Bench) -> str:
    ident = await registered(bench)
    assert await bench.shim.create(ident, bench.runtime, PIPES, False) > 0
    return ident


async def running(bench: Bench) -> str:
    ident = await created(bench)
    assert await bench.shim.start(ident) > 0
    return ident


async def paused(bench: Bench) -> str:
    ident = await running(bench)
    await bench.shim.pause(ident)
    return ident


async def ended(bench: Bench) -> str:
    ident = await running(bench)
    await bench.end(ident, 7)
    assert (await bench.shim.wait(ident, "", SECONDS)).status == 7
    return ident


async def run_exec(bench: Bench, ident: str) -> None:
    await bench.shim.exec(ident, EXEC, bench.process(), PIPES, False)
    await bench.shim.start(ident, EXEC)


async def status(bench: Bench, ident: str) -> str | None:
    found = await bench.shim.state(ident)
    return None if found is None else found.status


class TierConformance:
    """The suite; a subclass has a fixture `bench`."""

    @pytest.mark.parametrize("made", [False, True])
    async def test_without_a_task_all_is_not_found(self, bench: Bench, made: bool) -> None:
        shim, ident = bench.shim, IDENT
        if made:
            await registered(bench)
        assert await shim.state(ident) is None
        calls = [
            shim.start(ident), shim.kill(ident, KILL), shim.pause(ident), shim.resume(ident), shim.start(ident, EXEC),
            shim.wait(ident, "", SECONDS), shim.exec(ident, EXEC, bench.process(), PIPES, False),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(NotFound):
                await call
        await shim.kill_all(ident)
        await shim.delete_process(ident, EXEC)
        await shim.delete(ident)
        await shim.delete(ident)

    async def test_what_is_not_registered_cannot_be_created(self, bench: Bench) -> None:
        with pytest.raises(NotFound):
            await bench.shim.create(IDENT, bench.runtime, PIPES, False)
        with pytest.raises(NotFound):
            await bench.shim.process(IDENT)

    async def test_process_is_that_of_the_spec(self, bench: Bench) -> None:
        ident = await registered(bench)
        assert (await bench.shim.process(ident))["cwd"] == "/"

    async def test_a_life(self, bench: Bench) -> None:
        ident = await created(bench)
        assert await status(bench, ident) == "created"
        await bench.shim.start(ident)
        found = await bench.shim.state(ident)
        assert found is not None
        assert (found.status, found.exited_at_ns, found.pid > 0) == ("running", 0, True)
        await bench.end(ident, 7)
        exit = await bench.shim.wait(ident, "", SECONDS)
        assert (exit.status, exit.at_ns > 0) == (7, True)
        found = await bench.shim.state(ident)
        assert found is not None
        assert (found.status, found.exit_status, found.exited_at_ns) == ("stopped", 7, exit.at_ns)
        assert await bench.shim.wait(ident, "", SECONDS) == exit, "one that ended answers again"
        await bench.shim.delete(ident)
        assert await status(bench, ident) is None
        with pytest.raises(NotFound):
            await bench.shim.process(ident)

    async def test_a_second_task_is_a_conflict(self, bench: Bench) -> None:
        ident = await running(bench)
        with pytest.raises(Conflict):
            await bench.shim.create(ident, bench.runtime, PIPES, False)
        assert await status(bench, ident) == "running"

    async def test_what_is_stale_makes_room_for_the_next(self, bench: Bench) -> None:
        ident = await running(bench)
        await registered(bench, ident)
        assert await status(bench, ident) is None
        await bench.shim.create(ident, bench.runtime, PIPES, False)

    @pytest.mark.parametrize("state", [created, running, paused])
    async def test_a_kill_ends_it(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        await bench.shim.kill(ident, KILL)
        assert (await bench.shim.wait(ident, "", SECONDS)).status == KILLED
        assert await status(bench, ident) == "stopped"

    @pytest.mark.parametrize("state", [created, running, paused, ended])
    async def test_delete_ends_whatever_there_is(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        await bench.shim.delete(ident)
        assert await status(bench, ident) is None
        await registered(bench, ident)

    @pytest.mark.parametrize("state", [created, running, paused, ended])
    async def test_kill_all_ends_it_or_finds_it_ended(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        await bench.shim.kill_all(ident)
        assert (await bench.shim.wait(ident, "", SECONDS)).status == (7 if state is ended else KILLED)

    async def test_what_has_ended_is_not_found_by_signals(self, bench: Bench) -> None:
        ident = await ended(bench)
        with pytest.raises(NotFound):
            await bench.shim.kill(ident, TERM)

    async def test_who_waits_is_answered_by_the_end(self, bench: Bench) -> None:
        ident = await running(bench)
        waiting = asyncio.ensure_future(bench.shim.wait(ident, "", SECONDS))
        await bench.shim.kill(ident, KILL)
        assert (await waiting).status == KILLED

    async def test_a_wait_ends_in_its_time(self, bench: Bench) -> None:
        ident = await running(bench)
        with pytest.raises(DeadlineExceeded):
            await bench.shim.wait(ident, "", 0.05)

    async def test_pause_and_resume(self, bench: Bench) -> None:
        ident = await running(bench)
        await bench.shim.pause(ident)
        assert await status(bench, ident) == "paused"
        with pytest.raises(DeadlineExceeded):
            await bench.shim.wait(ident, "", 0.05)
        await bench.shim.resume(ident)
        assert await status(bench, ident) == "running"

    @pytest.mark.parametrize(
        ("state", "verb"),
        [
            (created, "pause"),
            (created, "resume"),
            (running, "start"),
            (running, "resume"),
            (paused, "start"),
            (paused, "pause"),
            (ended, "start"),
            (ended, "pause"),
            (ended, "resume"),
        ],
    )
    async def test_what_is_refused(self, bench: Bench, state: Any, verb: str) -> None:
        ident = await state(bench)
        before = await status(bench, ident)
        with pytest.raises(System):
            await getattr(bench.shim, verb)(ident)
        assert await status(bench, ident) == before

    @pytest.mark.parametrize("state", [created, running])
    async def test_an_exec(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        before = await status(bench, ident)
        await bench.shim.exec(ident, EXEC, bench.process(), PIPES, False)
        with pytest.raises(Conflict):
            await bench.shim.exec(ident, EXEC, bench.process(), PIPES, False)
        assert await bench.shim.start(ident, EXEC) > 0
        await bench.end(ident, 5, EXEC)
        assert (await bench.shim.wait(ident, EXEC, SECONDS)).status == 5
        assert await status(bench, ident) == before
        await bench.shim.delete_process(ident, EXEC)
        with pytest.raises(NotFound):
            await bench.shim.wait(ident, EXEC, SECONDS)
        await bench.shim.exec(ident, EXEC, bench.process(), PIPES, False)

    async def test_an_exec_is_killed_alone_or_with_its_container(self, bench: Bench) -> None:
        ident = await running(bench)
        for exec_id in ("e1", "e2"):
            await bench.shim.exec(ident, exec_id, bench.process(), PIPES, False)
            await bench.shim.start(ident, exec_id)
        await bench.shim.kill(ident, KILL, "e1")
        assert (await bench.shim.wait(ident, "e1", SECONDS)).status == KILLED
        with pytest.raises(NotFound):
            await bench.shim.kill(ident, KILL, "e1")
        waiting = asyncio.ensure_future(bench.shim.wait(ident, "e2", SECONDS))
        await bench.shim.kill(ident, KILL)
        assert (await waiting).status == KILLED

    @pytest.mark.parametrize("state", [paused, ended])
    async def test_no_exec_in_what_is_frozen_or_over(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        with pytest.raises(System):
            await run_exec(bench, ident)
