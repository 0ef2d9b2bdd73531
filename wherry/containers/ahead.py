"""What every start needs, whoever it is for, is made between the starts: a keeper and a network namespace.

Neither has a name or a place on disk yet: the end of the daemon is the end of both, so nothing is owed for them.
"""

import asyncio
from collections.abc import Awaitable, Callable

from wherry.base.tasks import Supervisor


class Ahead:
    """At most one of each waits; a start that finds none makes its own."""

    def __init__(self, supervisor: Supervisor, *makers: Callable[[], Awaitable[None]]) -> None:
        """Take the owner of the flow, and what makes one thing each unless it waits already, called by nobody else."""
        self._supervisor = supervisor
        self._makers = makers
        self._under_way: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Make what does not wait already; for the loop."""
        if self._under_way is None or self._under_way.done():
            self._under_way = self._supervisor.begin(self._make(), "preparation of the next start")

    async def _make(self) -> None:
        for make in self._makers:
            await make()
