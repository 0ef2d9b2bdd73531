"""Waiting for a container (start.md 7.7): checked and in line when called, answered when awaited."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.containers.waiters import Moment, Outcome, Waiters
from wherry.state.record import Phase, Record
from wherry.state.store import Store

_MOMENTS = {"next-exit": Moment.EXIT, "not-running": Moment.EXIT, "": Moment.EXIT, "removed": Moment.REMOVED}


class Wait:
    """The verb."""

    def __init__(self, store: Store, waiters: Waiters) -> None:
        """Take the records and the lines."""
        self._store = store
        self._waiters = waiters

    def __call__(self, ref: str, condition: str) -> Awaitable[dict[str, Any]]:
        """Stand in line now; NotFound and InvalidParameter are raised here, the WaitResponse comes by await."""
        moment = _MOMENTS.get(condition)
        if moment is None:
            raise InvalidParameter(f'invalid condition: "{condition}"')
        rec = self._store.get(ref)
        if condition in ("", "not-running") and not (rec.alive or rec.phase is Phase.RESTARTING):
            return self._now(rec)
        return self._answer(self._waiters.join(rec.id, moment))

    @staticmethod
    async def _now(rec: Record) -> dict[str, Any]:
        return _body(Outcome(rec.exit_code, rec.error))

    @staticmethod
    async def _answer(future: asyncio.Future[Outcome]) -> dict[str, Any]:
        return _body(await future)


def _body(outcome: Outcome) -> dict[str, Any]:
    body: dict[str, Any] = {"StatusCode": outcome.code}
    if outcome.error:
        body["Error"] = {"Message": outcome.error}
    return body
