"""Load: an uploaded archive becomes images of the store (`POST /images/load`, images.md 16)."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from wherry.base.errors import EngineError, InvalidParameter, System
from wherry.base.events import EventBus
from wherry.containerd.content import Content
from wherry.containerd.leases import Leases
from wherry.images.archive import Archive, receive
from wherry.images.dockerarchive import INDEX_FILE, DockerArchive
from wherry.images.filters import labels_of
from wherry.images.held import hold
from wherry.images.manifests import Documents, PlatformImage
from wherry.images.names import Names, familiar
from wherry.images.ocilayout import LAYOUT_FILE, OciLayout
from wherry.images.offers import FILTERED, Blob, Held, Offer
from wherry.images.platforms import fits, host_platform, read_platform
from wherry.images.unpack import Unpacker
from wherry.model.image import Descriptor, Platform

Json = dict[str, Any]

log = logging.getLogger("wherry.images")


class Loader:
    """The verb; several loads may run at a time."""

    def __init__(
        self,
        content: Content,
        leases: Leases,
        unpack: Unpacker,
        names: Names,
        spool: str,
        mark: dict[str, str],
        bus: EventBus,
    ) -> None:
        """Take containerd's services, who unpacks and who names, a directory for archives, and our leases' labels."""
        self._content = content
        self._leases = leases
        self._names = names
        self._unpack = unpack
        self._spool = spool
        self._mark = mark
        self._bus = bus

    def load(self, chunks: AsyncIterator[bytes], quiet: bool, platform: str) -> AsyncIterator[Json]:
        """Check the platform now (InvalidParameter), then yield Docker's messages while the archive is loaded.

        A failure ends them as a message with `errorDetail`; images before it stay loaded.
        """
        return self._messages(chunks, quiet, read_platform(platform))

    async def _messages(
        self, chunks: AsyncIterator[bytes], quiet: bool, wanted: Platform | None
    ) -> AsyncIterator[Json]:
        try:
            archive = await receive(chunks, self._spool)
            try:
                async with aclosing(self._load(archive, quiet, wanted)) as messages:
                    async for message in messages:
                        yield message
            finally:
                archive.close()
        except EngineError as error:
            log.info("load failed: %s", error)
            yield {"errorDetail": {"message": str(error)}, "error": str(error)}

    async def _load(self, archive: Archive, quiet: bool, wanted: Platform | None) -> AsyncGenerator[Json, None]:
        empty = True
        async with hold(self._leases, self._mark) as lease:
            async for offer in _offers(archive, Held(self._content, self._leases, lease), wanted):
                empty = False
                for blob in offer.blobs:
                    async for message in self._store(archive, blob, lease, quiet):
                        yield message
                image = await self._unpack_image(offer, wanted, lease)
                for name, target in (offer.names or {"": offer.target}).items():
                    yield await self._name(name, target, image, lease)
        if empty:
            raise InvalidParameter(FILTERED)

    async def _store(self, archive: Archive, blob: Blob, lease: str, quiet: bool) -> AsyncIterator[Json]:
        """Store one blob; a layer is announced before and after unless it is to be quiet."""
        target, source = blob.descriptor, blob.source
        if source is None:
            await self._content.label(target.digest, blob.labels)
            return
        if blob.layer and not quiet:
            yield _progress(target, 0)
        chunks = _once(source) if isinstance(source, bytes) else archive.chunks(source)
        # A name of its own for each write: of two loads of one blob the later finds it there, and none waits.
        ref = f"load-{lease}-{target.digest}"
        await self._content.write(target.digest, target.size, chunks, blob.labels, lease, ref)
        if blob.layer and not quiet:
            yield _progress(target, target.size)

    async def _unpack_image(self, offer: Offer, wanted: Platform | None, lease: str) -> PlatformImage | None:
        """Unpack and return the image that containers will be made of; None if the target is none but data of others.

        Unlike in Docker an image that cannot be unpacked is a failure, and is not kept.
        """
        try:
            images = (await Documents(self._content, host_platform()).survey(offer.target)).images
            fitting = [image for image in images if wanted is not None and fits(image.platform, wanted)]
            for image in (fitting or images)[:1]:
                await self._unpack(image.manifest, image.config, lease)
                return image
        except EngineError as error:
            names = [familiar(name) for name in offer.names] or [offer.target.digest]
            raise System(f"Error unpacking image {names[0]}: {error}") from error
        return None

    async def _name(self, name: str, target: Descriptor, image: PlatformImage | None, lease: str) -> Json:
        """Name a target, tell the listeners of events, and return what the client is told."""
        digest = target.digest
        await self._names.point(name, target, lease)
        labels = labels_of(image.config) if image else {}
        self._bus.publish("image", "load", digest, {**labels, "name": digest})
        said = f"Loaded image: {familiar(name)}" if name else f"Loaded image ID: {digest}"
        return {"stream": f"{said}\n"}


async def _offers(archive: Archive, held: Held, wanted: Platform | None) -> AsyncIterator[Offer]:
    """Yield what the archive offers; a layout is preferred to what older engines read of the same archive."""
    if (layout := archive.find(LAYOUT_FILE)) is not None:
        async for offer in OciLayout(archive, held, wanted).offers(layout):
            yield offer
    elif (index := archive.find(INDEX_FILE)) is not None:
        async for offer in DockerArchive(archive, wanted).offers(index):
            yield offer
    else:
        raise InvalidParameter("unrecognized image format")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _progress(layer: Descriptor, current: int) -> Json:
    detail = {"current": current, "total": layer.size}
    return {"status": "Loading layer", "progressDetail": detail, "id": layer.digest.removeprefix("sha256:")[:12]}
