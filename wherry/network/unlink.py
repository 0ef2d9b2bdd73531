"""Deletion of links behind those who left them: the kernel takes some 20 ms for it, for many links as for one.

A link that was set aside (`apply.set_aside`) carries no packet any more. The debt stands in the kernel: the next boot
deletes what bears the engine's mark and is in no record (`apply.sweep_links`).
"""

import asyncio
from collections.abc import Callable

from wherry.base.errors import EngineError
from wherry.base.faults import Faults
from wherry.base.offload import offload
from wherry.base.retries import Retries
from wherry.base.tasks import Supervisor
from wherry.host.errors import translate


class Unlinker:
    """One deletion at a time; the links that are set aside meanwhile go together with the next. For the loop."""

    def __init__(self, supervisor: Supervisor, retries: Retries, faults: Faults, delete: Callable[[], None]) -> None:
        """Take the owner of the deletions, who tries again what failed, the points of failure, and what deletes."""
        self._delete_set_aside = delete
        self._supervisor = supervisor
        self._retries = retries
        self._faults = faults
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    def soon(self) -> asyncio.Task[None]:
        """Delete what is set aside by now; System in the kernel's words, and then it is tried again behind."""
        if self._next is None:
            self._next = self._supervisor.begin(self._delete(), "deletion of links")
        return self._next

    async def _delete(self) -> None:
        async with self._turn:
            self._next = None  # whose link comes from now on waits for another one
            try:
                await self._attempt()
            except EngineError:
                self._retries.later("deletion of links", self._attempt)
                raise

    async def _attempt(self) -> None:
        self._faults.at("links.delete")
        await self._faults.hang_at("links.delete")
        with translate("delete links"):
            await offload(self._delete_set_aside)
