"""Archives with a `manifest.json`, as `docker save` has written since 1.10 (images.md 16).

They have no image manifest: one is made, the same for the same archive, byte for byte as containerd makes it.
"""

from collections.abc import AsyncIterator, Iterable

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.base.offload import offload
from wherry.images.archive import Archive
from wherry.images.names import IMAGE_NAME, REF_NAME
from wherry.images.offers import (
    DOCUMENT,
    Blob,
    Offer,
    decode,
    digest_of,
    document,
    manifest_labels,
    not_offered,
    read_name,
)
from wherry.images.platforms import fits
from wherry.images.tarindex import Span
from wherry.model.image import Descriptor, ImageConfig, Manifest, Platform

INDEX_FILE = "manifest.json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
SUFFIXES = {b"\x1f\x8b\x08": ".gzip", b"\x28\xb5\x2f\xfd": ".zstd"}


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An image in manifest.json; paths are of members of the archive."""

    config: str
    repo_tags: list[str] | None = None
    layers: list[str] | None = None


class DockerArchive:
    """Reads the images of one archive."""

    def __init__(self, archive: Archive, wanted: Platform | None) -> None:
        """Take the archive and the platform asked for, if any."""
        self._archive = archive
        self._wanted = wanted
        self._layers: dict[Span, Descriptor] = {}

    async def offers(self, index: Span) -> AsyncIterator[Offer]:
        """Yield the images of manifest.json; InvalidParameter in Docker's words for one that is not whole."""
        for entry in await document(self._archive, index, list[Entry], f'untar manifest "{INDEX_FILE}"'):
            yield await self._offer(entry)

    async def _offer(self, entry: Entry) -> Offer:
        config_span = self._archive.find(entry.config)
        if config_span is None:
            raise InvalidParameter(f'image config "{entry.config}" not found')
        raw = await self._archive.read(config_span, DOCUMENT)
        config = await offload(decode, raw, ImageConfig, f'image config "{entry.config}"')
        offered = Platform(os=config.os, architecture=config.architecture, variant=config.variant)
        if self._wanted is not None and not fits(offered, self._wanted):
            raise not_offered(self._wanted)
        spans = [self._find_layer(name) for name in entry.layers or ()]
        layers = [await self._layer(span) for span in spans]
        described = Descriptor(media_type=CONFIG, digest=digest_of(raw), size=len(raw))
        manifest = Manifest(media_type=MANIFEST, config=described, layers=layers)
        made = encode_manifest(manifest)
        target = Descriptor(media_type=MANIFEST, digest=digest_of(made), size=len(made))
        blobs = {layer.digest: Blob(layer, span, layer=True) for layer, span in zip(layers, spans, strict=True)}
        return Offer(
            target,
            named(target, entry.repo_tags or ()),
            (*blobs.values(), Blob(described, raw), Blob(target, made, manifest_labels(manifest))),
        )

    def _find_layer(self, name: str) -> Span:
        span = self._archive.find(name)
        if span is None:
            raise InvalidParameter(f'failed to resolve layers: layer "{name}" not found')
        return span

    async def _layer(self, span: Span) -> Descriptor:
        """Describe a layer; images of one archive often share them."""
        if span not in self._layers:
            head = await self._archive.head(span, 4)
            suffix = next((suffix for magic, suffix in SUFFIXES.items() if head.startswith(magic)), "")
            digest = await self._archive.digest(span)
            self._layers[span] = Descriptor(media_type=LAYER + suffix, digest=digest, size=span.size)
        return self._layers[span]


def named(target: Descriptor, texts: Iterable[str]) -> dict[str, Descriptor]:
    """Return the target under each of its canonical names, annotated with it; InvalidParameter for no reference."""
    found: dict[str, Descriptor] = {}
    for text in texts:
        try:
            ref = read_name(text, target.digest)
        except InvalidParameter as error:
            raise InvalidParameter(f'normalize image ref "{text}": {error}') from error
        if ref is not None:
            annotations = {IMAGE_NAME: ref.canonical, REF_NAME: ref.tag or f"@{ref.digest}"}
            found[ref.canonical] = msgspec.structs.replace(target, annotations=annotations)
    return found


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the document; the order of its keys is part of its digest."""
    return msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": manifest.media_type,
            "config": _plain(manifest.config),
            "layers": [_plain(layer) for layer in manifest.layers],
        }
    )


def _plain(descriptor: Descriptor) -> dict[str, str | int]:
    return {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}
