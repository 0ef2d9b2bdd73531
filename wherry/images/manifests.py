"""From a target to the image of one platform: index, manifest, config (images.md 5; OCI image-spec)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.containerd.content import Content
from wherry.images.cache import Cache
from wherry.images.parse import MALFORMED, parse_document
from wherry.images.platforms import normal
from wherry.images.unpack import chain_ids
from wherry.model.image import Descriptor, ImageConfig, Index, Manifest, Platform

MANIFEST_TYPES = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)
INDEX_TYPES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
LAYER_TYPES = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
REFERENCE_TYPE = "vnd.docker.reference.type"
"""Annotation of what is said about another manifest: an attestation."""
UNKNOWN = "unknown"

CACHE_BYTES = 16 << 20
MANIFESTS_MAX = 1000
"""Manifests of one image, nested indexes included; the largest official ones have about thirty."""
DEPTH_MAX = 4
RUNS = {
    "amd64": (("amd64", ""), ("amd64", "v2"), ("amd64", "v3"), ("amd64", "v4"), ("386", "")),
    "arm64": (("arm64", ""), ("arm", "v8"), ("arm", "v7"), ("arm", "v6"), ("arm", "v5")),
}
"""What a machine runs, best first. Which level of amd64 it has is not known here: what every one runs is best."""
LEVELS: dict[str, tuple[str, ...]] = {"amd64": ("v4", "v3", "v2", ""), "arm": ("v8", "v7", "v6", "v5")}
"""Variants, of which each runs what those behind it do."""

Document = TypeVar("Document", Index, Manifest, ImageConfig)


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """The image of one platform, its manifest and config read."""

    descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig

    @property
    def platform(self) -> Platform:
        """What it runs on: as the index says, or else the config."""
        config = self.config
        found = Platform(os=config.os, architecture=config.architecture, variant=config.variant)
        return self.descriptor.platform or found

    @property
    def shown(self) -> Descriptor:
        """Its descriptor as Docker shows it with a container: with the platform, whoever says it."""
        return msgspec.structs.replace(self.descriptor, platform=self.platform)

    @property
    def chain_ids(self) -> list[str]:
        """The snapshots of its layers, base first."""
        return list(chain_ids(self.config.rootfs.diff_ids))


@dataclass(frozen=True, slots=True)
class Part:
    """One of the manifests that a target leads to: `manifest` is None if it is absent.

    `image` is None as well if it is no image but an attestation or the like, or if its config is absent.
    """

    descriptor: Descriptor
    manifest: Manifest | None = None
    image: PlatformImage | None = None

    @property
    def blobs(self) -> list[Descriptor]:
        """What it consists of as far as is known, present or not."""
        return [] if self.manifest is None else [self.descriptor, self.manifest.config, *self.manifest.layers]


@dataclass(frozen=True, slots=True)
class Survey:
    """All that is known of a target: its parts in the order of the indexes, and the images, the best for us first."""

    parts: list[Part]
    images: list[PlatformImage]


class Documents:
    """Reads indexes, manifests and configs; remembers what it has read, which its digest names for ever."""

    def __init__(self, content: Content, host: Platform) -> None:
        """Take the store, and what this machine runs."""
        self._content = content
        self._runs = runs(host)
        self._cache: Cache[Any] = Cache(CACHE_BYTES)

    def forget(self) -> None:
        """Forget everything: content has been deleted, and what was read may be no longer present."""
        self._cache.clear()

    async def best(self, target: Descriptor, name: str) -> PlatformImage:
        """Return the image for this host, or else any that is present.

        NotFound in Docker's words if no platform is present; System that names the digest if content is broken,
        or missing where it is the only one. `name` is what the image is called in the text.
        """
        leaves = await self._leaves(target)
        if leaves == [target]:
            return await self._only(target)
        if any(leaf.platform is None for leaf in leaves):
            found = (await self.survey(target)).images
            if found:
                return found[0]
        for leaf in sorted(leaves, key=lambda leaf: self._rank(leaf.platform)):
            part = await self._part(leaf)
            if part.image is not None:
                return part.image
        raise NotFound(f"image with reference {name} was found but does not provide any platform")

    async def survey(self, target: Descriptor) -> Survey:
        """Return what is known of a target; System that names the digest if the index is missing or any is broken."""
        parts = [await self._part(leaf) for leaf in await self._leaves(target)]
        images = [part.image for part in parts if part.image is not None]
        return Survey(parts, sorted(images, key=lambda image: self._rank(image.platform)))

    async def _only(self, leaf: Descriptor) -> PlatformImage:
        try:
            manifest = await self._read(leaf, Manifest)
            return PlatformImage(leaf, manifest, await self._read(manifest.config, ImageConfig))
        except NotFound as error:
            raise System(f"image {leaf.digest} is incomplete: {error}") from error

    async def _part(self, leaf: Descriptor) -> Part:
        manifest = await self._present(leaf, Manifest)
        if manifest is None or not is_image(leaf, manifest):
            return Part(leaf, manifest)
        config = await self._present(manifest.config, ImageConfig)
        return Part(leaf, manifest, None if config is None else PlatformImage(leaf, manifest, config))

    async def _leaves(self, target: Descriptor) -> list[Descriptor]:
        """Return the manifests that can be reached from a target, present or not, in the order of the indexes."""
        if target.media_type in MANIFEST_TYPES:
            return [target]
        if target.media_type not in INDEX_TYPES:
            raise System(f"image {target.digest} is neither a manifest nor an index: {target.media_type or 'no type'}")
        try:
            index = await self._read(target, Index)
        except NotFound as error:
            raise System(f"image {target.digest} is incomplete: {error}") from error
        leaves: list[Descriptor] = []
        level = index.manifests
        for _ in range(DEPTH_MAX):
            if len(leaves) + len(level) > MANIFESTS_MAX:
                raise System(f"image {target.digest} has more than {MANIFESTS_MAX} manifests")
            leaves += [child for child in level if child.media_type in MANIFEST_TYPES]
            level = await self._children([child for child in level if child.media_type in INDEX_TYPES])
        return leaves

    async def _children(self, indexes: Iterable[Descriptor]) -> list[Descriptor]:
        """Return what indexes list, in order; a little more than is allowed if it is too much."""
        children: list[Descriptor] = []
        for descriptor in indexes:
            found = await self._present(descriptor, Index)
            children += found.manifests if found is not None else []
            if len(children) > MANIFESTS_MAX:
                break
        return children

    async def _present(self, descriptor: Descriptor, kind: type[Document]) -> Document | None:
        try:
            return await self._read(descriptor, kind)
        except NotFound:
            return None

    async def _read(self, descriptor: Descriptor, kind: type[Document]) -> Document:
        """Return a document; NotFound, or System if it is too large or not what it should be."""
        known = self._cache.get(descriptor.digest)
        if isinstance(known, kind):
            return known
        try:
            data = await self._content.read(descriptor.digest)
            document = parse_document(data, kind)
        except InvalidParameter as error:
            raise System(f"content {descriptor.digest} cannot be read: {error}") from error
        except MALFORMED as error:
            raise System(f"content {descriptor.digest} is not a valid {kind.__name__}: {error}") from error
        self._cache.put(descriptor.digest, document, len(data))
        return document

    def _rank(self, platform: Platform | None) -> int:
        """Return how well a platform suits this machine, 0 best; those it cannot run come last."""
        wanted = normal(platform or Platform())
        key = (wanted.os, wanted.architecture, wanted.variant)
        return self._runs.index(key) if key in self._runs else len(self._runs)


def runs(wanted: Platform) -> list[tuple[str, str, str]]:
    """Return what serves a platform, best first: system, architecture and variant in their normal spelling."""
    found = normal(wanted)
    levels = LEVELS.get(found.architecture, ())
    if found.variant and found.variant in levels:
        lesser = levels[levels.index(found.variant) :]
        return [(found.os, found.architecture, variant) for variant in lesser]
    pairs = RUNS.get(found.architecture, ()) if not found.variant else ()
    return [(found.os, *pair) for pair in pairs or ((found.architecture, found.variant),)]


def is_image(leaf: Descriptor, manifest: Manifest | None) -> bool:
    """Tell whether a manifest is one of an image, by its descriptor alone if it is absent.

    An image has layers that a filesystem is made of, or none at all.
    """
    platform = leaf.platform or Platform()
    if REFERENCE_TYPE in (leaf.annotations or {}) or (platform.os, platform.architecture) == (UNKNOWN, UNKNOWN):
        return False
    layers = [] if manifest is None else manifest.layers
    return not layers or any(layer.media_type.startswith(LAYER_TYPES) for layer in layers)
