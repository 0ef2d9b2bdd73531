"""Names of images: a record of containerd for each, a dangling one for a target that has no other (images.md 3)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from wherry.base import refs
from wherry.base.errors import Conflict, InvalidParameter, NotFound
from wherry.base.events import EventBus
from wherry.base.tasks import finish
from wherry.containerd.images import ImageRecord, Images
from wherry.model.image import Descriptor

DANGLING = "moby-dangling@"
IMAGE_NAME, REF_NAME = "io.containerd.image.name", "org.opencontainers.image.ref.name"
"""Annotations of a target in an archive: its name, and the tag of that. Labels of records may say the same."""
PARENT_LABEL = "org.mobyproject.image.parent"
"""What Docker's classic builder writes: the digest of the image that a step began with."""
TRIES = 5


def dangling_name(digest: str) -> str:
    """Return the name of the record that keeps a target without a name."""
    return DANGLING + digest


def is_dangling(record: ImageRecord) -> bool:
    """Tell whether a record only keeps its target."""
    return record.name == dangling_name(record.target.digest)


def parse_stored(name: str) -> refs.Reference | None:
    """Return the reference that a record's name is; None for what others wrote and is not canonical."""
    try:
        ref = refs.parse(name)
    except InvalidParameter:
        return None
    return ref if ref.canonical == name else None


def familiar(name: str) -> str:
    """Return a record's name as people see it; one that is no canonical reference is shown as it is."""
    ref = parse_stored(name)
    return name if ref is None else ref.familiar


def repo_names(records: Iterable[ImageRecord]) -> tuple[list[str], list[str]]:
    """Return RepoTags and RepoDigests of the records of one target (images.md 6.5, 7)."""
    tags: dict[str, None] = {}
    digests: dict[str, None] = {}
    for record in records:
        if is_dangling(record):
            continue
        tags[familiar(record.name)] = None
        if (ref := parse_stored(record.name)) is not None:
            digests[f"{ref.familiar_name}@{ref.digest or record.target.digest}"] = None
    return list(tags), list(digests)


def parent_of(records: Iterable[ImageRecord]) -> str:
    """Return the digest of the classic builder's parent of a target's records, or `""`."""
    return next(filter(None, (record.labels.get(PARENT_LABEL, "") for record in records)), "")


class Names:
    """Changes names, one change at a time: whether a name is the last one of its target must not be misjudged."""

    def __init__(self, images: Images, bus: EventBus) -> None:
        """Take the records and who is told."""
        self._images = images
        self._bus = bus
        self.lock = asyncio.Lock()
        """Held around every change; whoever decides by the records takes it first and calls `move` and `retire`."""

    async def point(self, name: str, target: Descriptor, lease: str = "") -> None:
        """Make a canonical name mean a target, `""` for none but to keep it; runs to its end once begun.

        A target whose last name this was stays as a dangling image. No event. The lease must hold the target's content.
        """

        async def change() -> None:
            async with self.lock:
                await self.move(name, target, {}, lease)

        await finish(change())

    async def move(self, name: str, target: Descriptor, labels: Mapping[str, str], lease: str = "") -> None:
        """Do what `point` does, under the lock; `labels` are those of a new record."""
        if not name:
            if not await self._named(target):
                await self._keep(target, labels, lease)
            return
        await self._set(name, target, labels, lease)
        with suppress(NotFound):
            await self._images.delete(dangling_name(target.digest))

    async def retire(self, record: ImageRecord) -> None:
        """Delete a record, under the lock; its target stays as a dangling image if this was its last name."""
        await self._keep_last(record)
        with suppress(NotFound):
            await self._images.delete(record.name)

    def announce(self, action: str, digest: str, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Publish an event of an image: `tag`, `untag` or `delete`."""
        self._bus.publish("image", action, digest, {**(labels or {}), "name": name})

    async def _set(self, name: str, target: Descriptor, labels: Mapping[str, str], lease: str) -> None:
        for _ in range(TRIES):
            with suppress(Conflict):
                await self._images.create(name, target, dict(labels), lease)
                return
            with suppress(NotFound):
                old = await self._images.get(name)
                if old.target.digest == target.digest:
                    return
                await self._keep_last(old)
                await self._images.update(name, target, dict(labels), lease)
                return
        raise Conflict(f"the image name {name} is being changed by others at the same time: try again")

    async def _keep_last(self, record: ImageRecord) -> None:
        """Make a dangling record for the target of a record that is its only one."""
        if len(await self._named(record.target)) <= 1 and not is_dangling(record):
            await self._keep(record.target, record.labels, "")

    async def _keep(self, target: Descriptor, labels: Mapping[str, str], lease: str) -> None:
        kept = {key: value for key, value in labels.items() if key not in (IMAGE_NAME, REF_NAME)}
        with suppress(Conflict):
            await self._images.create(dangling_name(target.digest), target, kept, lease)

    async def _named(self, target: Descriptor) -> Sequence[ImageRecord]:
        return await self._images.list([f"target.digest=={target.digest}"])
