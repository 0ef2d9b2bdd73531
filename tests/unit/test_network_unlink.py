import asyncio
import threading

import pytest

from wherry.base.errors import System
from wherry.base.faults import Faults
from wherry.base.offload import offload
from wherry.base.retries import Retries
from wherry.base.tasks import Supervisor
from wherry.network.unlink import Unlinker


class Kernel:
    """Deletes when it is let; says how often it was asked."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.lets = threading.Event()
        self.refuses = 0

    def delete(self) -> None:
        self.asked.release()
        self.lets.wait()
        if self.refuses:
            self.refuses -= 1
            raise OSError(16, "busy")


def unlinker(kernel: Kernel, supervisor: Supervisor) -> Unlinker:
    return Unlinker(supervisor, Retries(supervisor, first=0.001), Faults({}), kernel.delete)


async def test_what_comes_during_a_deletion_goes_with_the_next() -> None:
    kernel, supervisor = Kernel(), Supervisor()
    links = unlinker(kernel, supervisor)
    first = links.soon()
    await offload(kernel.asked.acquire)
    second, third = links.soon(), links.soon()
    assert first is not second is third
    kernel.lets.set()
    await asyncio.gather(first, second)
    assert kernel.asked.acquire(blocking=False)
    assert not kernel.asked.acquire(blocking=False)


async def test_a_refusal_is_told_and_tried_again_behind() -> None:
    kernel, supervisor = Kernel(), Supervisor()
    kernel.lets.set()
    kernel.refuses = 2
    with pytest.raises(System, match="delete links"):
        await unlinker(kernel, supervisor).soon()
    for _ in range(3):
        await offload(kernel.asked.acquire)
    assert await supervisor.drain(10) == []
