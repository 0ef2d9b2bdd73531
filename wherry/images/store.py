"""The verbs on images, and what containers ask about them (images.md 2, 6 to 9)."""

from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from prometheus_client import Histogram

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.base.events import EventBus
from wherry.base.metrics import Metrics
from wherry.containerd.content import Content
from wherry.containerd.diff import Diff
from wherry.containerd.images import ImageRecord, Images
from wherry.containerd.leases import Leases
from wherry.containerd.snapshots import Snapshots
from wherry.images.hosts import Registries
from wherry.images.inspect import Inspect
from wherry.images.listing import Listing
from wherry.images.load import Loader
from wherry.images.manifests import Documents, PlatformImage
from wherry.images.meter import Meter
from wherry.images.names import Names
from wherry.images.platforms import host_platform
from wherry.images.pull import Pull, Transfer
from wherry.images.ready import Ready
from wherry.images.registry import Registry
from wherry.images.remove import Remove
from wherry.images.resolve import Catalog, find, read
from wherry.images.slots import Slots
from wherry.images.tag import Tag
from wherry.images.unpack import Unpacker
from wherry.images.uses import ImageUse as ImageUse
from wherry.images.uses import InUse
from wherry.model.image import Descriptor, ImageConfig
from wherry.model.query import PullOptions

Json = dict[str, Any]
Items = list[Json]


@dataclass(frozen=True, slots=True)
class Image:
    """An image as a container is made from it: of the target's platforms the best one that is present."""

    target: Descriptor
    manifest: Descriptor
    """The manifest of its platform as Docker shows it, the platform filled in."""
    config: ImageConfig
    chain_id: str
    """The snapshot of its top layer, once it is unpacked; `""` without layers."""
    names: tuple[str, ...]
    """The record that was found; others may name the same target."""


class ImageStore:
    """ImageVerbs of the API; nothing is read before the first question."""

    def __init__(
        self,
        content: Content,
        images: Images,
        snapshots: Snapshots,
        leases: Leases,
        diff: Diff,
        bus: EventBus,
        in_use: InUse,
        spool: str,
        mark: dict[str, str],
        registry: Registry,
        downloads: int,
        times: Histogram,
    ) -> None:
        """Take containerd's services, who is told, who tells the containers; archives go to the directory `spool`.

        `mark` labels our leases for the sweep at boot; `downloads` is how many there are at a time, 0 for no limit;
        `times` takes how long an action took.
        """
        self._images = images
        self._times = times
        self._registry = registry
        self._slots = Slots(downloads)
        self._documents = Documents(content, host_platform())
        self._meter = Meter(content, snapshots)
        names = Names(images, bus)
        unpack = Unpacker(content, leases, snapshots, diff)
        self._pull = Pull(content, leases, images, unpack, names, registry, self._slots, mark, times)
        self._ready = Ready(snapshots, leases, unpack, mark)
        self._loader = Loader(content, leases, unpack, names, spool, mark, bus)
        self._listing = Listing(images, self._documents, self._meter, in_use)
        self._inspect = Inspect(images, self._documents, self._meter, in_use, snapshots.snapshotter)
        self._tag = Tag(images, self._documents, names)
        self._remove = Remove(images, names, in_use)

    def configure(self, registries: Registries, downloads: int) -> None:
        """Ask other registries and take another limit, from the next request on."""
        self._registry.configured = registries
        self._slots.limit(downloads)

    async def pull(self, options: PullOptions) -> Transfer:
        """Begin to pull; what fails before the first message is raised in Docker's words."""
        return await self._pull(options)

    async def close(self) -> None:
        """Give up the pulls under way and end the connections to registries."""
        await self._pull.close()

    def load(self, chunks: AsyncIterator[bytes], quiet: bool, platform: str) -> AsyncIterator[Json]:
        """Yield the messages of loading an archive."""
        return self._loader.load(chunks, quiet, platform)

    async def list(self, every: bool, filters: dict[str, list[str]], shared: bool, manifests: bool) -> Items:
        """Return ImageSummary entries, newest first; InvalidParameter and NotFound in Docker's words."""
        return await self._listing(every, filters, shared, manifests)

    async def inspect(self, ref: str, manifests: bool) -> Json:
        """Return ImageInspect; NotFound and InvalidParameter in Docker's words."""
        return await self._inspect(ref, manifests)

    async def tag(self, ref: str, repo: str, tag: str) -> None:
        """Give an image one more name; NotFound and InvalidParameter in Docker's words."""
        await self._tag(ref, repo, tag)

    async def remove(self, ref: str, force: bool, prune: bool) -> Items:
        """Remove a name or an image; NotFound, Conflict and InvalidParameter in Docker's words."""
        try:
            with Metrics.timed(self._times, "delete"):
                return await self._remove(ref, force, prune)
        finally:
            self._documents.forget()
            self._meter.forget()

    async def resolve(self, ref: str) -> Image:
        """Return the image that a text means: NotFound in Docker's words, System if its content is broken."""
        record, best = await self._best(ref)
        chains = best.chain_ids
        return Image(record.target, best.shown, best.config, chains[-1] if chains else "", (record.name,))

    async def unpack(self, ref: str) -> None:
        """Have the layers of an image as snapshots; NotFound in Docker's words, System if that cannot be done."""
        _, best = await self._best(ref)
        await self._ready(best)

    async def _best(self, ref: str) -> tuple[ImageRecord, PlatformImage]:
        record = await find(self._images, ref)
        try:
            return record, await self._documents.best(record.target, ref)
        except System:
            await find(self._images, ref)  # NotFound if it has been removed meanwhile
            raise

    async def ids(self, refs: Iterable[str]) -> dict[str, str]:
        """Return the target digest of every reference that means an image now."""
        catalog, found = Catalog(await self._images.list()), {}
        for ref in refs:
            with suppress(NotFound, InvalidParameter):
                found[ref] = read(ref).pick(catalog).target.digest
        return found

    async def count(self) -> int:
        """Return how many images there are, names of the same one counted once."""
        return len({record.target.digest for record in await self._images.list()})
