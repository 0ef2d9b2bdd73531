"""What every tier does, shown on real ones (tests/real) and on the fake of the shim tier (tests/unit).

So the two tiers answer alike, and the fake, which the fault matrix and the model of a life run on, cannot drift.
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

    tier: Tier
    runtime: Any

    def spec(self) -> dict[str, Any]:
        """The OCI spec of a container."""

    def process(self) -> bytes:
        """The OCI process of an exec, as JSON."""

    async def make_streams(self, ident: str, exec_id: str = "") -> None:
        """Do what the engine does before a run is registered or an exec added: its streams."""

    async def end(self, ident: str, code: int, exec_id: str = "") -> None:
        """Let a running process exit."""


async def registered(bench: Bench, ident: str = IDENT) -> str:
    await bench.make_streams(ident)
    await bench.tier.register(ident, bench.spec(), bench.runtime, "")
    return ident


async def created(bench: Bench) -> str:
    ident = await registered(bench)
    assert await bench.tier.create(ident, bench.runtime, PIPES, False) > 0
    return ident


async def running(bench: Bench) -> str:
    ident = await created(bench)
    assert await bench.tier.start(ident) > 0
    return ident


async def paused(bench: Bench) -> str:
    ident = await running(bench)
    await bench.tier.pause(ident)
    return ident


async def ended(bench: Bench) -> str:
    ident = await running(bench)
    await bench.end(ident, 7)
    assert (await bench.tier.wait(ident, "", SECONDS)).status == 7
    return ident


async def run_exec(bench: Bench, ident: str, exec_id: str = EXEC) -> None:
    await bench.make_streams(ident, exec_id)
    await bench.tier.exec(ident, exec_id, bench.process(), PIPES, False)
    assert await bench.tier.start(ident, exec_id) > 0


async def status(bench: Bench, ident: str) -> str | None:
    found = await bench.tier.state(ident)
    return None if found is None else found.status


class TierConformance:
    """The suite; a subclass has a fixture `bench`."""

    @pytest.mark.parametrize("made", [False, True])
    async def test_without_a_task_all_is_not_found(self, bench: Bench, made: bool) -> None:
        tier, ident = bench.tier, IDENT
        if made:
            await registered(bench)
        assert await tier.state(ident) is None
        calls = [
            tier.start(ident), tier.kill(ident, KILL), tier.pause(ident), tier.resume(ident), tier.start(ident, EXEC),
            tier.wait(ident, "", SECONDS), tier.exec(ident, EXEC, bench.process(), PIPES, False),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(NotFound):
                await call
        await tier.kill_all(ident)
        await tier.delete_process(ident, EXEC)
        await tier.delete(ident)
        await tier.delete(ident)

    async def test_what_is_not_registered_cannot_be_created(self, bench: Bench) -> None:
        with pytest.raises(NotFound):
            await bench.tier.create(IDENT, bench.runtime, PIPES, False)
        with pytest.raises(NotFound):
            await bench.tier.process(IDENT)

    async def test_process_is_that_of_the_spec(self, bench: Bench) -> None:
        ident = await registered(bench)
        assert (await bench.tier.process(ident))["cwd"] == "/"

    async def test_a_life(self, bench: Bench) -> None:
        ident = await created(bench)
        assert await status(bench, ident) == "created"
        await bench.tier.start(ident)
        found = await bench.tier.state(ident)
        assert found is not None
        assert (found.status, found.exited_at_ns, found.pid > 0) == ("running", 0, True)
        await bench.end(ident, 7)
        exit = await bench.tier.wait(ident, "", SECONDS)
        assert (exit.status, exit.at_ns > 0) == (7, True)
        found = await bench.tier.state(ident)
        assert found is not None
        assert (found.status, found.exit_status, found.exited_at_ns) == ("stopped", 7, exit.at_ns)
        assert await bench.tier.wait(ident, "", SECONDS) == exit, "one that ended answers again"
        await bench.tier.delete(ident)
        assert await status(bench, ident) is None
        with pytest.raises(NotFound):
            await bench.tier.process(ident)

    async def test_a_second_task_is_a_conflict(self, bench: Bench) -> None:
        ident = await running(bench)
        with pytest.raises(Conflict):
            await bench.tier.create(ident, bench.runtime, PIPES, False)
        assert await status(bench, ident) == "running"

    async def test_what_is_stale_makes_room_for_the_next(self, bench: Bench) -> None:
        ident = await running(bench)
        await registered(bench, ident)
        assert await status(bench, ident) is None
        await bench.tier.create(ident, bench.runtime, PIPES, False)

    @pytest.mark.parametrize("state", [created, running, paused])
    async def test_a_kill_ends_it(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        await bench.tier.kill(ident, KILL)
        assert (await bench.tier.wait(ident, "", SECONDS)).status == KILLED
        assert await status(bench, ident) == "stopped"

    @pytest.mark.parametrize("state", [created, running, paused, ended])
    async def test_delete_ends_whatever_there_is(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        await bench.tier.delete(ident)
        assert await status(bench, ident) is None
        await registered(bench, ident)

    @pytest.mark.parametrize("state", [created, running, paused, ended])
    async def test_kill_all_ends_it_or_finds_it_ended(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        await bench.tier.kill_all(ident)
        assert (await bench.tier.wait(ident, "", SECONDS)).status == (7 if state is ended else KILLED)

    async def test_what_has_ended_is_not_found_by_signals(self, bench: Bench) -> None:
        ident = await ended(bench)
        with pytest.raises(NotFound):
            await bench.tier.kill(ident, TERM)

    async def test_who_waits_is_answered_by_the_end(self, bench: Bench) -> None:
        ident = await running(bench)
        waiting = asyncio.ensure_future(bench.tier.wait(ident, "", SECONDS))
        await bench.tier.kill(ident, KILL)
        assert (await waiting).status == KILLED

    async def test_a_wait_ends_in_its_time(self, bench: Bench) -> None:
        ident = await running(bench)
        with pytest.raises(DeadlineExceeded):
            await bench.tier.wait(ident, "", 0.05)

    async def test_pause_and_resume(self, bench: Bench) -> None:
        ident = await running(bench)
        await bench.tier.pause(ident)
        assert await status(bench, ident) == "paused"
        with pytest.raises(DeadlineExceeded):
            await bench.tier.wait(ident, "", 0.05)
        await bench.tier.resume(ident)
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
            await getattr(bench.tier, verb)(ident)
        assert await status(bench, ident) == before

    @pytest.mark.parametrize("state", [created, running])
    async def test_an_exec(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        before = await status(bench, ident)
        await bench.make_streams(ident, EXEC)
        await bench.tier.exec(ident, EXEC, bench.process(), PIPES, False)
        with pytest.raises(Conflict):
            await bench.tier.exec(ident, EXEC, bench.process(), PIPES, False)
        assert await bench.tier.start(ident, EXEC) > 0
        await bench.end(ident, 5, EXEC)
        assert (await bench.tier.wait(ident, EXEC, SECONDS)).status == 5
        assert await status(bench, ident) == before
        await bench.tier.delete_process(ident, EXEC)
        with pytest.raises(NotFound):
            await bench.tier.wait(ident, EXEC, SECONDS)
        await bench.tier.exec(ident, EXEC, bench.process(), PIPES, False)

    async def test_an_exec_is_killed_alone_or_with_its_container(self, bench: Bench) -> None:
        ident = await running(bench)
        for exec_id in ("e1", "e2"):
            await run_exec(bench, ident, exec_id)
        await bench.tier.kill(ident, KILL, "e1")
        assert (await bench.tier.wait(ident, "e1", SECONDS)).status == KILLED
        with pytest.raises(NotFound):
            await bench.tier.kill(ident, KILL, "e1")
        waiting = asyncio.ensure_future(bench.tier.wait(ident, "e2", SECONDS))
        await bench.tier.kill(ident, KILL)
        assert (await waiting).status == KILLED

    @pytest.mark.parametrize("state", [paused, ended])
    async def test_no_exec_in_what_is_frozen_or_over(self, bench: Bench, state: Any) -> None:
        ident = await state(bench)
        with pytest.raises(System):
            await run_exec(bench, ident)
