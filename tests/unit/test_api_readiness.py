import asyncio
from typing import Any, cast

import pytest

from wherry.api.readiness import Need, Readiness
from wherry.base.errors import Unavailable

SERVICES: Any = cast(Any, object())


async def test_a_ping_waits_for_nothing() -> None:
    assert await Readiness().wait(Need.NOTHING) is None


async def test_what_needs_more_waits_longer() -> None:
    readiness = Readiness()
    info, ps = (asyncio.create_task(readiness.wait(need)) for need in (Need.ENGINE, Need.STATE))
    await asyncio.sleep(0)
    assert not info.done()
    readiness.reach(Need.ENGINE, SERVICES)
    assert await info is SERVICES
    assert not ps.done()
    readiness.reach(Need.STATE, SERVICES)
    assert await ps is SERVICES


async def test_a_wait_is_bounded() -> None:
    with pytest.raises(Unavailable, match="still starting"):
        await Readiness(seconds=0).wait(Need.STATE)


async def test_a_boot_that_fails_is_told_to_everyone() -> None:
    readiness = Readiness()
    waiting = asyncio.create_task(readiness.wait(Need.STATE))
    await asyncio.sleep(0)
    readiness.refuse("the engine does not start: no space left on device")
    for flow in (waiting, readiness.wait(Need.NOTHING), readiness.wait(Need.ENGINE)):
        with pytest.raises(Unavailable, match="no space left"):
            await flow
