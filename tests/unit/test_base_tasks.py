import asyncio

from wherry.base.tasks import Supervisor


async def test_a_drain_does_not_wait_for_what_only_waits() -> None:
    supervisor = Supervisor()
    started = asyncio.Event()

    async def watch() -> None:
        with supervisor.idle():
            started.set()
            await asyncio.Event().wait()

    supervisor.spawn(watch(), "watch")
    await started.wait()
    async with asyncio.timeout(5):
        assert await supervisor.drain(3600) == []


async def test_a_drain_waits_for_work_and_cancels_what_takes_too_long() -> None:
    supervisor = Supervisor()
    done = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append(1)

    supervisor.spawn(work(), "work")
    supervisor.spawn(asyncio.Event().wait(), "stuck")
    assert await supervisor.drain(0.05) == ["stuck"]
    assert done == [1]
