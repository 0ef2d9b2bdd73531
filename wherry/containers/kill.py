"""Signals: kill, and the hard kill that removal and the end of stop's grace use (start.md 7.2, 7.3)."""

import asyncio
import contextlib
import logging
import signal as signals

import msgspec

from wherry.base.errors import Conflict, DeadlineExceeded, EngineError, InvalidParameter, NotFound, System
from wherry.base.signals import parse_signal
from wherry.containers.news import News
from wherry.containers.pause import Pause
from wherry.containers.policy import Restarts
from wherry.containers.underway import UnderWay
from wherry.containers.waiters import Moment, Waiters
from wherry.runtimes.tier import TierOf
from wherry.state.record import Phase, Record
from wherry.state.store import Store

log = logging.getLogger("wherry.kill")

KILL_SECONDS = 12.0
"""How long the exit of a killed container may take to be settled."""


def stop_signal(rec: Record) -> int:
    """Return the number of the container's stop signal, SIGTERM when it names none."""
    return parse_signal(rec.config.stop_signal) if rec.config.stop_signal else signals.SIGTERM


def means_end(rec: Record, number: int) -> bool:
    """Whether who sends this wants the container down, rather than to tell its process something (moby#11065)."""
    if rec.config.stop_signal:
        return number in (signals.SIGKILL, stop_signal(rec))
    return number in (signals.SIGKILL, signals.SIGTERM, signals.SIGINT, signals.SIGQUIT)


class Kill:
    """Sends signals to the first process of a container."""

    def __init__(
        self,
        store: Store,
        tier: TierOf,
        waiters: Waiters,
        news: News,
        restarts: Restarts,
        pause: Pause,
        under_way: UnderWay,
    ) -> None:
        """Take the records, the tier, who is told, and what a signal ends: restarts, pauses, starts under way."""
        self._restarts = restarts
        self._under_way = under_way
        self._pause = pause
        self._store = store
        self._tier = tier
        self._waiters = waiters
        self._news = news

    async def __call__(self, ref: str, signal: str) -> None:
        """The verb: SIGKILL (or no signal) waits for the exit, any other is only delivered."""
        try:
            number = parse_signal(signal) if signal else signals.SIGKILL
            if number > signals.SIGRTMAX:
                raise InvalidParameter(f"the linux daemon does not support signal {number}")
            rec = self._store.get(ref)
            ends = number == signals.SIGKILL and rec.phase is Phase.STARTING
            if not (rec.alive or ends or rec.phase is Phase.RESTARTING):
                raise Conflict(f"container {rec.id} is not running")
            if number == signals.SIGKILL or rec.phase is Phase.RESTARTING:
                await self.hard(rec)
            else:
                await self.send(rec, number)
        except EngineError as error:
            raise type(error)(f"cannot kill container: {ref}: {error}") from error

    def may_call_off(self, ident: str) -> bool:
        """Whether the start of this container waits for its turn: to end it is to call that off."""
        return self._under_way.waits(ident)

    async def send(self, rec: Record, number: int, by_hand: bool = True) -> None:
        """Deliver a signal; a process that is gone already is a success.

        One that means the end calls off restarts, and that it came `by_hand` is kept in the record. A frozen container
        is thawed for it, and for any other unless a stop signal of its own is named.
        """
        ends = means_end(rec, number)
        if ends:
            await self._restarts.call_off(rec.id)
        with contextlib.suppress(NotFound):
            if ends:
                await self._note(rec.id, by_hand)
            await self._tier(rec.id).kill(rec.id, number)
            self._news.container(rec, "kill", signal=str(number))
            if ends or not rec.config.stop_signal:
                await self._thaw(rec.id, number)

    async def _thaw(self, ident: str, number: int) -> None:
        try:
            await self._pause.thaw(ident)
        except System as error:
            if number != signals.SIGKILL:
                raise
            # The runtime thaws what it kills, and its shim may not know yet: whether it ends is what counts.
            log.debug("container %s: not thawed for its kill: %s", ident, error)

    async def _note(self, ident: str, by_hand: bool) -> None:
        """Keep who sent the signal: a person, or the engine at its own end."""
        async with self._store.exclusive(ident) as slot:
            if slot.rec.alive or (by_hand and slot.rec.phase is Phase.RESTARTING):
                end = msgspec.structs.replace(slot.rec.end, by_engine=not by_hand)
                await slot.save(end=end, **({"manually_stopped": True} if by_hand else {}))

    async def hard(self, rec: Record, by_hand: bool = True) -> None:
        """SIGKILL and wait until the exit is settled; DeadlineExceeded when it is not in time.

        A start under way is called off instead, a restart that is due as well.
        """
        if rec.phase is Phase.STARTING:
            await self._under_way.abort(rec.id)
        if rec.phase in (Phase.STARTING, Phase.RESTARTING):  # a start by policy that was called off is due again
            await self._note(rec.id, by_hand)
            await self._restarts.call_off(rec.id)
            return
        exited = self._waiters.join(rec.id, Moment.EXIT)
        try:
            await self.send(rec, signals.SIGKILL, by_hand)
            async with asyncio.timeout(KILL_SECONDS):
                await exited
        except TimeoutError as error:
            raise DeadlineExceeded("tried to kill container, but did not receive an exit event") from error
        finally:
            exited.cancel()
