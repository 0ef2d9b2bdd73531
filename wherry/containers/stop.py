"""Stopping: the signal, the grace, the kill (start.md 7.1). The grace passes outside of the container's lock."""

import asyncio
import signal

from wherry.base.errors import EngineError, NotModified
from wherry.base.signals import parse_signal
from wherry.containers.kill import Kill, stop_signal
from wherry.containers.news import News
from wherry.containers.waiters import Moment, Outcome, Waiters
from wherry.state.record import Phase, Record
from wherry.state.store import Store

GRACE_SECONDS = 10


class Stop:
    """The verb, and the stop of a record that shutdown and boot use."""

    def __init__(self, store: Store, kill: Kill, waiters: Waiters, news: News) -> None:
        """Take the records, the sender of signals, and who is told."""
        self._store = store
        self._kill = kill
        self._waiters = waiters
        self._news = news

    async def __call__(self, ref: str, seconds: int | None, wanted: str) -> None:
        """Stop with grace; NotModified when it does not run."""
        rec = self._store.get(ref)
        try:
            await self.ask(rec, seconds, wanted)
        except EngineError as error:
            raise type(error)(f"cannot stop container: {ref}: {error}") from error

    async def ask(self, rec: Record, seconds: int | None, wanted: str) -> None:
        """The same for who has words of their own: what runs is stopped.

        A restart that is due is called off, and so is a start that waits for its turn.
        """
        due = Phase.RESTARTING in (rec.phase, rec.rest if rec.phase is Phase.STARTING else rec.phase)
        if due or self._kill.may_call_off(rec.id):
            await self._kill.hard(rec)
            self._news.container(rec, "stop")  # as Docker: nothing was killed, so nothing else is told
            return
        if not rec.alive:
            raise NotModified("container is already stopped")
        number = parse_signal(wanted) if wanted else stop_signal(rec)
        await self.stop(rec, number, grace(rec, seconds))

    async def stop(self, rec: Record, number: int, seconds: int, by_hand: bool = True) -> None:
        """Signal, wait `seconds` (negative: for ever), kill; returns when the exit is settled.

        `by_hand` is false when the engine stops it, at shutdown or boot: its restart policy holds at the next boot.
        """
        exited = self._waiters.join(rec.id, Moment.EXIT)
        try:
            if seconds != 0 or number == signal.SIGKILL:
                await self._kill.send(rec, number, by_hand)
            if not await self._exits_within(exited, seconds):
                await self._kill.hard(rec, by_hand)
        finally:
            exited.cancel()
        self._news.container(rec, "stop")

    @staticmethod
    async def _exits_within(exited: asyncio.Future[Outcome], seconds: int) -> bool:
        done, _ = await asyncio.wait([exited], timeout=None if seconds < 0 else seconds)
        return bool(done)


def grace(rec: Record, seconds: int | None) -> int:
    """Return the seconds between signal and kill: asked, else the container's own, else 10."""
    if seconds is not None:
        return seconds
    return rec.config.stop_timeout if rec.config.stop_timeout is not None else GRACE_SECONDS
