"""Restarting by hand: stop and start, or just start (start.md 7.5)."""

import contextlib

from wherry.base.errors import EngineError, NotFound, NotModified, reworded
from wherry.containers.news import News
from wherry.containers.policy import Restarts
from wherry.containers.start import Start
from wherry.containers.stop import Stop
from wherry.state.store import Store


class Restart:
    """The verb."""

    def __init__(self, store: Store, stop: Stop, start: Start, restarts: Restarts, news: News) -> None:
        """Take the records, both halves, the policies, and who is told."""
        self._restarts = restarts
        self._store = store
        self._stop = stop
        self._start = start
        self._news = news

    async def __call__(self, ref: str, seconds: int | None, signal: str) -> None:
        """Restart; what fails keeps its kind, in Docker's words."""
        rec = self._store.get(ref)
        try:
            with self._restarts.keeping(rec.id):
                with contextlib.suppress(NotModified):  # it does not run: to start it is all there is to do
                    await self._stop.ask(rec, seconds, signal)
                await self._start(rec.id)
        except NotFound:
            raise
        except EngineError as error:
            raise reworded(error, f"Cannot restart container {ref}: {error}") from error
        self._news.container(self._store.get(rec.id), "restart")
