"""containerd's content, image and snapshot services in memory, as far as the room for images asks them."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from wherry.base.errors import Conflict, InvalidParameter, NotFound
from wherry.containerd.content import Blob, Content
from wherry.containerd.images import ImageRecord, Images
from wherry.containerd.snapshots import SnapshotInfo, Snapshots
from wherry.images.unpack import chain_ids
from wherry.images.uses import ImageUse
from wherry.model.image import Descriptor, Platform

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
PARENT = "org.mobyproject.image.parent"
AMD64 = Platform(os="linux", architecture="amd64")
ARM64 = Platform(os="linux", architecture="arm64")


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class FakeContent(Content):
    """Counts its calls."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.calls = 0

    def put(self, data: bytes, media_type: str) -> Descriptor:
        self.blobs[digest_of(data)] = data
        return Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))

    async def info(self, digest: str) -> Blob:
        self.calls += 1
        if digest not in self.blobs:
            raise NotFound(f"content {digest}: not found")
        return Blob(digest, len(self.blobs[digest]), {})

    async def exists(self, digest: str) -> bool:
        self.calls += 1
        return digest in self.blobs

    async def read(self, digest: str, limit: int = 4 << 20) -> bytes:
        self.calls += 1
        if digest not in self.blobs:
            raise NotFound(f"content {digest}: not found")
        if len(self.blobs[digest]) > limit:
            raise InvalidParameter(f"content {digest} is larger than {limit} bytes")
        return self.blobs[digest]


class FakeImages(Images):
    """Counts its calls; `before` runs once ahead of a call of that name, as somebody else's change."""

    def __init__(self) -> None:
        self.records: dict[str, ImageRecord] = {}
        self.calls = 0
        self.syncs: list[str] = []
        self.leases: list[str] = []
        self.before: dict[str, Any] = {}
        self._clock = 1_700_000_000_000_000_000

    def put(self, name: str, target: Descriptor, labels: dict[str, str] | None = None) -> ImageRecord:
        self._clock += 1_000_000_000
        self.records[name] = ImageRecord(name, target, dict(labels or {}), self._clock, self._clock)
        return self.records[name]

    async def get(self, name: str) -> ImageRecord:
        self._called("get")
        return self._find(name)

    async def list(self, filters: Sequence[str] = ()) -> list[ImageRecord]:
        self._called("list")
        return [r for r in self.records.values() if not filters or any(_matches(f, r) for f in filters)]

    async def create(
        self, name: str, target: Descriptor, labels: dict[str, str] | None = None, lease: str = ""
    ) -> ImageRecord:
        self._called("create")
        if name in self.records:
            raise Conflict(f'image "{name}": already exists')
        self.leases.append(lease)
        return self.put(name, target, labels)

    async def update(
        self, name: str, target: Descriptor, labels: dict[str, str] | None = None, lease: str = ""
    ) -> ImageRecord:
        self._called("update")
        old = self._find(name)
        self.leases.append(lease)
        self.records[name] = replace(old, target=target, labels=dict(labels or {}), updated_ns=self._clock)
        return self.records[name]

    async def delete(self, name: str, sync: bool = False) -> None:
        self._called("delete")
        self._find(name)
        del self.records[name]
        if sync:
            self.syncs.append(name)

    def _called(self, method: str) -> None:
        self.calls += 1
        if method in self.before:
            self.before.pop(method)()

    def _find(self, name: str) -> ImageRecord:
        if name not in self.records:
            raise NotFound(f'image "{name}": not found')
        return self.records[name]


def _matches(text: str, record: ImageRecord) -> bool:
    key, operator, value = re.fullmatch(r"([a-z.]+)(==|~=)(.*)", text).groups()  # type: ignore[union-attr]
    value = json.loads(value) if value.startswith('"') else value
    found = {"name": record.name, "target.digest": record.target.digest}[key]
    return found == value if operator == "==" else re.search(value, found) is not None


class FakeSnapshots(Snapshots):
    snapshotter = "overlayfs"

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    async def usage(self, key: str) -> tuple[int, int]:
        if key not in self.sizes:
            raise NotFound(f"snapshot {key} does not exist: not found")
        return self.sizes[key], 1

    async def stat(self, key: str) -> SnapshotInfo:
        await self.usage(key)
        return SnapshotInfo(key, "", "committed", {})


class Shop:
    """Makes images and gives them names."""

    def __init__(self) -> None:
        self.content, self.images, self.snapshots = FakeContent(), FakeImages(), FakeSnapshots()
        self.uses: list[ImageUse] = []

    def image(self, seed: str, platform: Platform = AMD64, unpacked: bool = True, **config: Any) -> Descriptor:
        """Store an image of two layers, 10 and 20 bytes, unpacked 100 and 200; return its manifest."""
        layers = [self.content.put(f"{seed}{n}".encode().ljust(n * 10, b"."), LAYER) for n in (1, 2)]
        diff_ids = [digest_of(f"{seed} diff {n}".encode()) for n in (1, 2)]
        if unpacked:
            self.snapshots.sizes.update(zip(chain_ids(diff_ids), (100, 200), strict=True))
        body = {"rootfs": {"type": "layers", "diff_ids": diff_ids}, "created": None, **config}
        body |= {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
        return self.manifest(self.document(body, CONFIG), layers)

    def manifest(self, config: Descriptor, layers: list[Descriptor]) -> Descriptor:
        return self.document({"schemaVersion": 2, "config": config, "layers": layers}, MANIFEST)

    def index(self, *manifests: tuple[Descriptor, Platform | None], **annotations: str) -> Descriptor:
        children = [msgspec.structs.replace(found, platform=platform) for found, platform in manifests]
        return self.document({"schemaVersion": 2, "manifests": children, "annotations": annotations}, INDEX)

    def document(self, body: Any, media_type: str) -> Descriptor:
        return self.content.put(msgspec.json.encode(body), media_type)

    def name(self, target: Descriptor, *names: str, labels: dict[str, str] | None = None) -> Descriptor:
        """Give a target names, `""` for the dangling one."""
        for name in names:
            self.images.put(name or f"moby-dangling@{target.digest}", target, labels)
        return target

    def use(self, target: Descriptor, ident: str, running: bool = False) -> None:
        self.uses.append(ImageUse(ident, target.digest, "whatever", running, target.digest))

    @property
    def names(self) -> set[str]:
        return set(self.images.records)
