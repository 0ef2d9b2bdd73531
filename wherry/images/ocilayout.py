"""Archives that are an OCI image layout, as `docker save` writes now (OCI image-layout.md; images.md 16)."""

from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec

from wherry.base.errors import InvalidParameter, NotFound
from wherry.base.offload import offload
from wherry.base.refs import is_digest
from wherry.images.archive import Archive
from wherry.images.manifests import INDEX_TYPES, MANIFEST_TYPES
from wherry.images.names import IMAGE_NAME, REF_NAME
from wherry.images.offers import (
    DOCUMENT,
    GC_CONTENT_LABEL,
    Blob,
    Held,
    Offer,
    decode,
    document,
    manifest_labels,
    not_offered,
    read_name,
)
from wherry.images.platforms import fits
from wherry.images.tarindex import Span
from wherry.model.image import Descriptor, ImageConfig, Index, Manifest, Platform

T = TypeVar("T")

LAYOUT_FILE, INDEX_FILE = "oci-layout", "index.json"
VERSION = "1.0.0"
DEPTH = 4
"""Indexes within indexes."""
CONFIGS = frozenset(("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"))


class Layout(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The file that says that it is a layout."""

    image_layout_version: str = ""


class OciLayout:
    """Reads the images of one layout; blobs that it lacks may be in the store."""

    def __init__(self, archive: Archive, held: Held, wanted: Platform | None) -> None:
        """Take the archive, the store, and the platform asked for, if any."""
        self._archive = archive
        self._held = held
        self._wanted = wanted

    async def offers(self, layout: Span) -> AsyncIterator[Offer]:
        """Yield what index.json lists; InvalidParameter in Docker's words for a malformed one, NotFound for blobs."""
        found = await document(self._archive, layout, Layout, f'untar oci layout "{LAYOUT_FILE}"')
        if found.image_layout_version != VERSION:
            raise InvalidParameter(f"unsupported OCI version {found.image_layout_version}")
        span = self._archive.find(INDEX_FILE)
        if span is None:
            raise InvalidParameter(f"missing index.json in OCI layout {VERSION}")
        index = await document(self._archive, span, Index, "invalid index.json")
        for target in index.manifests:
            walk = Walk(self._archive, self._held, self._wanted)
            yield await walk.offer(target)


class Walk:
    """Collects the blobs below one target."""

    def __init__(self, archive: Archive, held: Held, wanted: Platform | None) -> None:
        """Begin with nothing."""
        self._archive = archive
        self._held = held
        self._wanted = wanted
        self._blobs: dict[str, Blob] = {}

    async def offer(self, target: Descriptor) -> Offer:
        """Return a target with all its blobs."""
        if target.media_type not in INDEX_TYPES | MANIFEST_TYPES:
            raise InvalidParameter(f'unsupported media type "{target.media_type}" in index.json')
        try:
            await self._add(target, 0)
        except NotFound as error:
            if self._wanted is None:
                raise
            raise not_offered(self._wanted, error) from error
        name = name_of(target)
        return Offer(target, {name: target} if name else {}, tuple(self._blobs.values()))

    async def _add(self, target: Descriptor, depth: int) -> None:
        """Note a blob after all that it refers to; NotFound if a part of it is missing, nothing of it is noted then."""
        if target.digest in self._blobs:
            return
        if target.media_type in INDEX_TYPES:
            await self._add_index(target, depth)
        elif target.media_type in MANIFEST_TYPES:
            await self._add_manifest(target)
        else:
            self._blobs[target.digest] = Blob(target, await self._locate(target))

    async def _add_index(self, target: Descriptor, depth: int) -> None:
        """Note an index with those of its children that are there; NotFound if none is."""
        if depth == DEPTH:
            raise InvalidParameter(f"index {target.digest}: more than {DEPTH} indexes in each other")
        source = await self._locate(target)
        index = await self._document(target, source, Index)
        labels: dict[str, str] = {}
        absent: NotFound | None = None
        for at, child in enumerate(index.manifests):
            if child.platform is not None and not self._allows(child.platform):
                continue
            try:
                await self._add(child, depth + 1)
            except NotFound as error:
                absent = absent or error
            else:
                labels[f"{GC_CONTENT_LABEL}.m.{at}"] = child.digest
        if not labels:
            raise absent or NotFound(f"index {target.digest} has no image for it")
        self._blobs[target.digest] = Blob(target, source, labels)

    async def _add_manifest(self, target: Descriptor) -> None:
        """Note a manifest, its config and its layers."""
        source = await self._locate(target)
        manifest = await self._document(target, source, Manifest)
        config = await self._locate(manifest.config)
        parts = [Blob(layer, await self._locate(layer), layer=True) for layer in manifest.layers]
        if self._wanted is not None and manifest.config.media_type in CONFIGS:
            found = await self._document(manifest.config, config, ImageConfig)
            if not self._allows(Platform(os=found.os, architecture=found.architecture, variant=found.variant)):
                raise NotFound(f"manifest {target.digest} is for another platform")
        for blob in (*parts, Blob(manifest.config, config), Blob(target, source, manifest_labels(manifest))):
            self._blobs.setdefault(blob.descriptor.digest, blob)

    def _allows(self, offered: Platform) -> bool:
        return self._wanted is None or fits(offered, self._wanted)

    async def _locate(self, target: Descriptor) -> Span | None:
        """Return where a blob is in the archive, None if the store has it; NotFound if neither has."""
        if not is_digest(target.digest):
            raise InvalidParameter(f'invalid digest "{target.digest}" in an archive: invalid digest format')
        span = self._archive.find(f"blobs/{target.digest.replace(':', '/')}")
        if span is None:
            if await self._held.has(target.digest):
                return None
            raise NotFound(f"content {target.digest} is not in the archive: not found")
        if span.size != target.size:
            raise InvalidParameter(f"content {target.digest} has {span.size} bytes in the archive, not {target.size}")
        return span

    async def _document(self, target: Descriptor, source: Span | None, kind: type[T]) -> T:
        what = f"content {target.digest}"
        if source is not None:
            return await document(self._archive, source, kind, what, target.digest)
        raw = await self._held.content.read(target.digest, DOCUMENT)
        return await offload(decode, raw, kind, what)


def name_of(target: Descriptor) -> str:
    """Return the canonical name that an entry of index.json gives its target, `""` if it gives none.

    The annotation of the OCI may be a mere tag; only with a repository it is a name.
    """
    annotations = target.annotations or {}
    name = annotations.get(IMAGE_NAME) or annotations.get(REF_NAME, "")
    if IMAGE_NAME not in annotations and not {":", "/"} & set(name):
        return ""
    try:
        ref = read_name(name, target.digest)
    except InvalidParameter:
        # Docker keeps such an image without a name.
        return ""
    return "" if ref is None else ref.canonical
