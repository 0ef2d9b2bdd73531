"""One image comes from a registry into the store: documents, layers, snapshots (images.md 4, 5, 13)."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.base.offload import offload
from wherry.base.refs import is_digest
from wherry.base.tasks import finish
from wherry.images.manifests import DEPTH_MAX, INDEX_TYPES, MANIFEST_TYPES, PlatformImage, runs
from wherry.images.ocilayout import CONFIGS
from wherry.images.offers import DOCUMENT, GC_CONTENT_LABEL, Held, decode, manifest_labels
from wherry.images.platforms import normal, show
from wherry.images.progress import Progress
from wherry.images.registry import Repository
from wherry.images.slots import Slots
from wherry.images.unpack import Unpacker, check_diff_ids
from wherry.model.image import Descriptor, ImageConfig, Index, Manifest, Platform

T = TypeVar("T")

LAYERS_MAX = 500
"""Layers of one image; the kernel's overlay takes fewer."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a target led to, and whether anything of it had to come."""

    image: PlatformImage
    downloaded: bool


class Fetch:
    """The work on one target, under one lease."""

    def __init__(
        self, repository: Repository, held: Held, unpack: Unpacker, slots: Slots, progress: Progress, wanted: Platform
    ) -> None:
        """Take where it comes from and goes to, who is told, and for which platform (an empty one: any that runs)."""
        self._repository = repository
        self._held = held
        self._unpack = unpack
        self._slots = slots
        self._progress = progress
        self._wanted = wanted
        self._stored: dict[str, asyncio.Event] = {}
        self._missing: list[Descriptor] = []
        self._came = False

    async def __call__(self, target: Descriptor, raw: bytes) -> Fetched:
        """Bring a target's image for the platform, unpacked; `raw` is the target's document if it is known.

        NotFound in Docker's words if it has none, System if what came is not what it should be.
        """
        leaf = target
        for _ in range(DEPTH_MAX):
            if leaf.media_type not in INDEX_TYPES:
                break
            leaf = await self._child(leaf, raw)
            raw = b""
        return await self._image(leaf, raw)

    async def _child(self, target: Descriptor, raw: bytes) -> Descriptor:
        """Store an index and return the one of its children that suits best."""
        raw = raw or await self._document(target, "manifests")
        index = await offload(decode, raw, Index, f"index {target.digest}")
        check_kind(target, index.media_type, not (await offload(decode, raw, Manifest, "")).layers)
        at, child = choose(index.manifests, self._wanted)
        check(child)
        await self._store(target, raw, {f"{GC_CONTENT_LABEL}.m.{at}": child.digest})
        return child

    async def _image(self, leaf: Descriptor, raw: bytes) -> Fetched:
        if leaf.media_type not in MANIFEST_TYPES:
            raise InvalidParameter(f"unsupported media type {leaf.media_type}")
        raw = raw or await self._document(leaf, "manifests")
        manifest = await offload(decode, raw, Manifest, f"manifest {leaf.digest}")
        check_kind(leaf, manifest.media_type, not (await offload(decode, raw, Index, "")).manifests)
        if manifest.config.media_type not in CONFIGS:
            raise InvalidParameter(f"unsupported media type {manifest.config.media_type}")
        for part in (manifest.config, *manifest.layers):
            check(part)
        await self._store(leaf, raw, manifest_labels(manifest))
        raw = await self._document(manifest.config, "blobs")
        config = await offload(decode, raw, ImageConfig, f"config {manifest.config.digest}")
        check_diff_ids(manifest.layers, config.rootfs.diff_ids)
        if len(manifest.layers) > LAYERS_MAX:
            raise InvalidParameter("max depth exceeded")
        await self._store(manifest.config, raw, {})
        await self._layers(manifest, config)
        return Fetched(PlatformImage(leaf, manifest, config), self._came or bool(self._missing))

    async def _document(self, target: Descriptor, kind: str) -> bytes:
        if target.size > DOCUMENT:
            raise InvalidParameter(f"content {target.digest} is larger than {DOCUMENT} bytes")
        if await self._held.has(target.digest):
            raw = await self._held.content.read(target.digest, DOCUMENT)
        else:
            raw = await self._repository.document(target, kind)
            self._came = True
        if len(raw) != target.size:
            raise InvalidParameter(f"content {target.digest} has {len(raw)} bytes, not {target.size}")
        return raw

    async def _store(self, target: Descriptor, raw: bytes, labels: dict[str, str]) -> None:
        ref = f"pull-{self._held.lease}-{target.digest}"
        await self._held.content.write(target.digest, len(raw), _once(raw), labels, self._held.lease, ref)

    async def _layers(self, manifest: Manifest, config: ImageConfig) -> None:
        """Download what is missing and unpack it meanwhile; nothing is said if nothing is missing."""
        layers = list({layer.digest: layer for layer in manifest.layers}.values())
        self._stored = {layer.digest: asyncio.Event() for layer in layers}
        self._missing = missing = [layer for layer in layers if not await self._held.has(layer.digest)]
        for layer in layers if missing else ():
            self._progress.step(short(layer), "Pulling fs layer")
        for layer in layers:
            if layer not in missing:
                self._arrived(layer, "Already exists" if missing else "")
        await together(
            self._unpack(manifest, config, self._held.lease, self._unpacking),
            *(self._download(layer) for layer in missing),
        )

    async def _download(self, layer: Descriptor) -> None:
        async with self._slots.blob(layer.digest):
            if not await self._held.has(layer.digest):
                async with self._slots.download():
                    await self._receive(layer)
        self._arrived(layer, "Download complete")

    async def _receive(self, layer: Descriptor) -> None:
        held, told = self._held, Told(self._progress, layer)
        ref = f"pull-{held.lease}-{layer.digest}"
        async with aclosing(self._repository.blob(layer, told)) as chunks:
            try:
                await held.content.write(layer.digest, layer.size, chunks, {}, held.lease, ref)
            except InvalidParameter as error:
                raise System(f"filesystem layer verification failed for digest {layer.digest}") from error

    def _arrived(self, layer: Descriptor, status: str) -> None:
        if status:
            self._progress.step(short(layer), status)
        self._stored[layer.digest].set()

    @asynccontextmanager
    async def _unpacking(self, layer: Descriptor) -> AsyncIterator[None]:
        """Wait for a layer, and tell that it is being unpacked if it is new."""
        await self._stored[layer.digest].wait()
        if layer not in self._missing:
            yield
            return
        ticking = asyncio.create_task(self._tick(short(layer)))
        try:
            yield
        finally:
            ticking.cancel()
        self._progress.step(short(layer), "Pull complete")

    async def _tick(self, ident: str) -> None:
        self._progress.step(ident, "Extracting", current=1, units="s")
        for seconds in itertools.count(2):
            await asyncio.sleep(1)
            self._progress.count(ident, "Extracting", current=seconds, units="s")


class Told:
    """Tells a client how a layer comes."""

    def __init__(self, progress: Progress, layer: Descriptor) -> None:
        """Begin with no byte."""
        self._progress = progress
        self._layer = layer
        self._got = 0

    def got(self, size: int) -> None:
        """Count bytes; at the last one the checksum is all that is left to do."""
        self._got += size
        ident = short(self._layer)
        if self._got < self._layer.size:
            self._progress.count(ident, "Downloading", current=self._got, total=self._layer.size)
        else:
            self._progress.step(ident, "Verifying Checksum")

    async def wait(self, seconds: int) -> None:
        """Wait, and tell how long still."""
        for left in range(seconds, 0, -1):
            self._progress.step(short(self._layer), f"Retrying in {left} second{'s' if left > 1 else ''}")
            await asyncio.sleep(1)


def choose(children: Sequence[Descriptor], wanted: Platform) -> tuple[int, Descriptor]:
    """Return the child of an index that suits a platform best, with its place; NotFound in Docker's words."""
    ranks = runs(wanted)
    found: list[tuple[int, int]] = []
    for at, child in enumerate(children):
        offered = normal(child.platform or wanted)
        key = (offered.os, offered.architecture, offered.variant)
        if child.media_type in INDEX_TYPES | MANIFEST_TYPES and key in ranks:
            found.append((ranks.index(key), at))
    if not found:
        raise NotFound(f"no matching manifest for {show(wanted)} in the manifest list entries")
    _, at = min(found)
    return at, children[at]


def check(part: Descriptor) -> None:
    """Raise InvalidParameter unless a descriptor can be followed."""
    if not is_digest(part.digest):
        raise InvalidParameter(f'invalid digest "{part.digest}": invalid checksum digest format')
    if part.size < 0:
        raise InvalidParameter(f"content {part.digest} has a negative size")


def check_kind(target: Descriptor, said: str, pure: bool) -> None:
    """Raise InvalidParameter if a document may be taken for one of another kind (CVE-2021-41190)."""
    if not pure or said not in ("", target.media_type):
        raise InvalidParameter(f"content {target.digest} is not what its media type {target.media_type} says: {said}")


def short(layer: Descriptor) -> str:
    """Return what a layer is called in messages."""
    return layer.digest.removeprefix("sha256:")[:12]


async def together(*flows: Coroutine[Any, Any, object]) -> None:
    """Run flows at once; when one fails the others are cancelled, and its error is raised when all have ended."""
    tasks = [asyncio.create_task(flow) for flow in flows]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            if not task.cancelling():  # a second one would cut its undo in two
                task.cancel()
        await finish(_ended(tasks))


async def _ended(tasks: Sequence[asyncio.Task[object]]) -> None:
    await asyncio.wait(tasks)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
