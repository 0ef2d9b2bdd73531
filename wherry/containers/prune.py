"""Pruning: every container that does not run and passes the filters is removed (api-containers.md 3.13)."""

import logging
import time
from collections.abc import Callable
from typing import Any

from wherry.base.errors import Conflict, EngineError, InvalidParameter
from wherry.base.events import EventBus
from wherry.base.filters import has_labels
from wherry.base.times import parse_moment
from wherry.containers.remove import Remove
from wherry.containers.sizes import Sizes
from wherry.state.record import Phase, Record
from wherry.state.store import Store

log = logging.getLogger("wherry.prune")

PRUNED = (Phase.CREATED, Phase.EXITED, Phase.DEAD)
Accepts = Callable[[Record], bool]


class Prune:
    """The verb; one at a time."""

    def __init__(self, store: Store, remove: Remove, sizes: Sizes, bus: EventBus) -> None:
        """Take the records, the remover, who measures, and who is told."""
        self._store = store
        self._remove = remove
        self._sizes = sizes
        self._bus = bus
        self._busy = False

    async def __call__(self, filters: dict[str, list[str]]) -> dict[str, Any]:
        """Remove; one that cannot be removed is logged and stays. Conflict while another prune runs."""
        accepts = read_filters(filters, time.time_ns())
        if self._busy:
            raise Conflict("a prune operation is already running")
        self._busy = True
        try:
            return await self._prune(accepts)
        finally:
            self._busy = False

    async def _prune(self, accepts: Accepts) -> dict[str, Any]:
        deleted, reclaimed = [], 0
        for rec in self._store.all():
            if rec.phase in PRUNED and accepts(rec):
                try:
                    size, _ = await self._sizes(rec)
                    await self._remove(rec.id, force=False, volumes=False, link=False)
                except EngineError as error:
                    log.warning("container %s: not pruned: %s", rec.id, error)
                    continue
                deleted.append(rec.id)
                reclaimed += size
        self._bus.publish("container", "prune", "", {"reclaimed": str(reclaimed)})
        return {"ContainersDeleted": deleted or None, "SpaceReclaimed": reclaimed}


def read_filters(filters: dict[str, list[str]], now_ns: int) -> Accepts:
    """Return what accepts a record; InvalidParameter in Docker's words."""
    for key in filters:
        if key not in ("until", "label", "label!"):
            raise InvalidParameter(f"invalid filter '{key}'")
    untils = filters.get("until", [])
    if len(untils) > 1:
        raise InvalidParameter("more than one until filter specified")
    limit = parse_moment(untils[0], now_ns) if untils else None
    wanted, unwanted = filters.get("label", []), filters.get("label!", [])

    def accepts(rec: Record) -> bool:
        labels = rec.config.labels
        return (
            (limit is None or rec.created < limit)
            and has_labels(labels, wanted)
            and not any(has_labels(labels, [text]) for text in unwanted)
        )

    return accepts
