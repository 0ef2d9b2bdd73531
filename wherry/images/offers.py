"""What an archive offers: targets, their names, and where the bytes of their blobs are (images.md 16)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from wherry.base.errors import InvalidParameter, NotFound
from wherry.base.offload import offload
from wherry.base.refs import Reference, parse, with_default_tag
from wherry.containerd.content import Content
from wherry.containerd.leases import Leases
from wherry.images.archive import Archive
from wherry.images.parse import MALFORMED, parse_document
from wherry.images.platforms import show
from wherry.images.tarindex import Span
from wherry.model.image import Descriptor, Manifest, Platform

T = TypeVar("T")

DOCUMENT = 4 << 20
"""Bytes of the largest JSON document that is read."""
GC_CONTENT_LABEL = "containerd.io/gc.ref.content"
FILTERED = "image might be filtered out"
"""What Docker says of an archive from which nothing is left to load."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob to store with the labels that tie it to others; no source means that the store has it already."""

    descriptor: Descriptor
    source: Span | bytes | None
    labels: dict[str, str] = field(default_factory=dict)
    layer: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A target with all its blobs, the leaves first; under each of its canonical names it has its own annotations."""

    target: Descriptor
    names: Mapping[str, Descriptor]
    blobs: tuple[Blob, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """The content store under the lease of one operation."""

    content: Content
    leases: Leases
    lease: str

    async def has(self, digest: str) -> bool:
        """Tell whether the store has a blob; if so the lease keeps it from the collector."""
        # The lease comes first: a blob that nothing else holds may go between the two calls.
        await self.leases.add(self.lease, "content", digest)
        return await self.content.exists(digest)


def not_offered(wanted: Platform, why: object = FILTERED) -> NotFound:
    """Return the error for an archive without the platform asked for, in Docker's words."""
    return NotFound(f"requested platform ({show(wanted)}) not found: {why}")


def manifest_labels(manifest: Manifest) -> dict[str, str]:
    """Return the labels by which a manifest keeps its config and its layers."""
    layers = {f"{GC_CONTENT_LABEL}.l.{at}": layer.digest for at, layer in enumerate(manifest.layers)}
    return {f"{GC_CONTENT_LABEL}.config": manifest.config.digest, **layers}


def read_name(text: str, digest: str) -> Reference | None:
    """Return a name as it is stored, None for that of another digest; InvalidParameter if it is no reference."""
    ref = with_default_tag(parse(text))
    return ref if ref.digest in ("", digest) else None


async def document(archive: Archive, span: Span, kind: type[T], what: str, digest: str = "") -> T:
    """Return a JSON document; InvalidParameter if it is malformed, too large or not what the digest says."""
    return await offload(decode, await archive.read(span, DOCUMENT), kind, what, digest)


def decode(raw: bytes, kind: type[T], what: str, digest: str = "") -> T:
    """Decode a JSON document, of a digest if one is given (blocking: it may be of megabytes)."""
    if digest and digest != digest_of(raw):
        raise InvalidParameter(f"{what}: unexpected digest {digest_of(raw)}")
    try:
        return parse_document(raw, kind)
    except MALFORMED as error:
        raise InvalidParameter(f"{what}: {error}") from error


def digest_of(raw: bytes) -> str:
    """Return `sha256:…` of bytes."""
    return f"sha256:{sha256(raw).hexdigest()}"
