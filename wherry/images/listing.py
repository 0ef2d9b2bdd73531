"""`GET /images/json` in the newest shape (images.md 6)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from wherry.base.errors import NotFound, System
from wherry.base.units import SECOND
from wherry.containerd.images import ImageRecord, Images
from wherry.images.filters import Accepts, Filters, config_time, labels_of, read_filters
from wherry.images.manifests import Documents, Survey
from wherry.images.meter import Meter, Sizes
from wherry.images.names import is_dangling, parent_of, repo_names
from wherry.images.resolve import Catalog, find
from wherry.images.summary import summarise
from wherry.images.uses import InUse, by_manifest
from wherry.model.image import ImageConfig

Json = dict[str, Any]
T = TypeVar("T")

AT_ONCE = 16
"""Images looked at concurrently; each has one call to containerd under way."""
UNSET = -1

log = logging.getLogger("wherry.images")


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry, and the snapshots of its image: the layers of all platforms."""

    entry: Json
    chains: list[str]


class Listing:
    """The verb."""

    def __init__(self, images: Images, documents: Documents, meter: Meter, in_use: InUse) -> None:
        """Take the records, who reads documents, who measures, and who tells the containers."""
        self._images = images
        self._documents = documents
        self._meter = meter
        self._in_use = in_use

    async def __call__(self, every: bool, filters: Filters, shared: bool, manifests: bool) -> list[Json]:
        """Return an entry for each target, newest first; InvalidParameter and NotFound in Docker's words.

        With `shared` each tells the bytes of layers that others have too, with `manifests` every manifest of it.
        """
        accepts = await read_filters(filters, self._created)
        records = await self._images.list()
        hidden = set() if every else {parent_of([record]) for record in records}
        wanted = [
            record
            for record in records
            if not (is_dangling(record) and record.target.digest in hidden) and accepts.record(record)
        ]
        gate, uses = asyncio.Semaphore(AT_ONCE), self._in_use()
        counts = Counter(use.image_id for use in uses)
        containers = by_manifest(uses) if manifests else None

        async def show(records: list[ImageRecord]) -> Shown | None:
            async with gate:
                return await self._show(records, accepts, counts[records[0].target.digest], containers)

        shown = [one for one in await _all([show(same) for same in Catalog(wanted).by_target.values()]) if one]
        if shared:
            await self._share(shown)
        return sorted((one.entry for one in shown), key=lambda entry: entry["Created"], reverse=True)

    async def _show(
        self, records: list[ImageRecord], accepts: Accepts, count: int, containers: Mapping[str, Sequence[str]] | None
    ) -> Shown | None:
        """Return the entry of one target; None if a filter rejects it, or if it is gone by now.

        `containers` are those made from each manifest, None if manifests are not to be shown.
        """
        try:
            survey = await self._documents.survey(records[0].target)
        except System as error:
            log.warning("image %s: %s", records[0].name, error)
            survey = Survey([], [])
        if not survey.images and not await self._remains(records):
            return None
        if not accepts.image(survey):
            return None
        sizes = await self._meter.parts(survey)
        entry = describe(records, survey, sizes, count)
        if containers is not None and survey.parts:
            pairs = zip(survey.parts, sizes, strict=True)
            entry["Manifests"] = [summarise(part, size, containers) for part, size in pairs]
        return Shown(entry, [chain for image in survey.images for chain in image.chain_ids])

    async def _share(self, shown: Sequence[Shown]) -> None:
        """Set the bytes of layers that an image has in common with another one that is shown."""
        counts = Counter(chain for one in shown for chain in one.chains)
        for one in shown:
            one.entry["SharedSize"] = await self._meter.layers(chain for chain in one.chains if counts[chain] > 1)

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


def describe(records: Sequence[ImageRecord], survey: Survey, sizes: Iterable[Sizes], containers: int) -> Json:
    """Return one entry; pure. `records` are the shown ones of a target, `containers` counts those made from it."""
    # Targets of several names may have annotations of their own: Docker shows those of the last.
    target = next((record for record in reversed(records) if not is_dangling(record)), records[0]).target
    tags, digests = repo_names(records)
    best = survey.images[0].config if survey.images else None
    created = None if best is None else config_time(best)
    return {
        "Id": target.digest,
        "ParentId": parent_of(records),
        "RepoTags": tags,
        "RepoDigests": [target.digest] if best is None else digests,
        "Created": 0 if created is None else created // SECOND,
        "Size": sum(size.total for size in sizes),
        "SharedSize": UNSET,
        "Labels": None if best is None else _labels(best),
        "Containers": UNSET if best is None else containers,
        "Descriptor": msgspec.to_builtins(target),
    }


def _labels(config: ImageConfig) -> dict[str, str] | None:
    """Return the labels; None if the config says nothing of labels."""
    return labels_of(config) if "Labels" in (config.config or {}) else None


async def _all(flows: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return all results; the first failure ends the rest."""
    tasks = [asyncio.ensure_future(flow) for flow in flows]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
