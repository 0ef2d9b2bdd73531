"""`GET /images/json` in the newest shape (images.md 6)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import msgspec

from wherry.base.errors import NotFound, System
from wherry.base.units import SECOND
from wherry.containerd.images import ImageRecord, Images
from wherry.images.filters import Accepts, Filters, config_time, labels_of, read_filters
from wherry.images.manifests import Documents, Survey
from wherry.images.meter import Meter
from wherry.images.names import is_dangling, parent_of, repo_names
from wherry.images.resolve import Catalog, find
from wherry.images.uses import InUse

Json = dict[str, Any]
T = TypeVar("T")

AT_ONCE = 16
"""Images looked at concurrently; each has one call to containerd under way."""
UNSET = -1

log = logging.getLogger("wherry.images")


class Listing:
    """The verb."""

    def __init__(self, images: Images, documents: Documents, meter: Meter, in_use: InUse) -> None:
        """Take the records, who reads documents, who measures, and who tells the containers."""
        self._images = images
        self._documents = documents
        self._meter = meter
        self._in_use = in_use

    async def __call__(self, every: bool, filters: Filters) -> list[Json]:
        """Return an entry for each target, newest first; InvalidParameter and NotFound in Docker's words."""
        accepts = await read_filters(filters, self._created)
        records = await self._images.list()
        hidden = set() if every else {parent_of([record]) for record in records}
        shown = [
            record
            for record in records
            if not (is_dangling(record) and record.target.digest in hidden) and accepts.record(record)
        ]
        uses = Counter(use.image_id for use in self._in_use())
        gate = asyncio.Semaphore(AT_ONCE)

        async def entry(records: list[ImageRecord]) -> Json | None:
            async with gate:
                return await self._entry(records, accepts, uses[records[0].target.digest])

        entries = await _all([entry(same) for same in Catalog(shown).by_target.values()])
        return sorted(filter(None, entries), key=lambda entry: entry["Created"], reverse=True)

    async def _entry(self, records: list[ImageRecord], accepts: Accepts, containers: int) -> Json | None:
        """Return the entry of one target; None if a filter rejects it, or if it is gone by now."""
        try:
            survey = await self._documents.survey(records[0].target)
        except System as error:
            log.warning("image %s: %s", records[0].name, error)
            survey = Survey([], [])
        if not survey.images and not await self._remains(records):
            return None
        if not accepts.image(survey):
            return None
        return summary(records, survey, await self._meter.whole(survey), containers)

    async def _remains(self, records: list[ImageRecord]) -> bool:
        for record in records:
            try:
                await self._images.get(record.name)
            except NotFound:
                continue
            return True
        return False

    async def _created(self, ref: str) -> int | None:
        record = await find(self._images, ref)
        return config_time((await self._documents.best(record.target, ref)).config)


def summary(records: list[ImageRecord], survey: Survey, size: int, containers: int) -> Json:
    """Return one entry; pure. `records` are the shown ones of a target, `containers` counts those made from it."""
    target = records[0].target
    tags, digests = repo_names(records)
    best = survey.images[0].config if survey.images else None
    created = None if best is None else config_time(best)
    return {
        "Id": target.digest,
        "ParentId": parent_of(records),
        "RepoTags": tags,
        "RepoDigests": [target.digest] if best is None else digests,
        "Created": 0 if created is None else created // SECOND,
        "Size": size,
        "SharedSize": UNSET,
        "Labels": {} if best is None else labels_of(best),
        "Containers": UNSET if best is None else containers,
        "Descriptor": msgspec.to_builtins(target),
    }


async def _all(flows: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return all results; the first failure ends the rest."""
    tasks = [asyncio.ensure_future(flow) for flow in flows]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
