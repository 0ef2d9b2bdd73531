"""containerd's services in memory, as far as a load needs them, and archives to load."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Iterable
from typing import Any

from wherry.base.errors import Conflict, InvalidParameter, NotFound, Unimplemented
from wherry.containerd.content import Blob, Chunks, Content
from wherry.containerd.diff import Diff
from wherry.containerd.leases import Leases
from wherry.containerd.snapshots import Mounts, MountSpec, SnapshotInfo, Snapshots
from wherry.images.names import Names
from wherry.model.image import Descriptor

Files = dict[str, bytes]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class FakeContent(Content):
    """Blobs with their labels; a write needs a lease."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.writes: list[str] = []

    def put(self, data: bytes) -> None:
        self.blobs[digest(data)] = data

    async def info(self, digest: str) -> Blob:
        if digest not in self.blobs:
            raise NotFound(f"content {digest}: not found")
        return Blob(digest, len(self.blobs[digest]), self.labels.get(digest, {}))

    async def read(self, digest: str, limit: int = 4 << 20) -> bytes:
        await self.info(digest)
        return self.blobs[digest]

    async def stream(self, digest: str) -> AsyncIterator[bytes]:
        yield await self.read(digest)

    async def write(self, digest: str, size: int, chunks: Chunks, labels: dict[str, str], lease: str, ref: str) -> None:
        assert lease
        if digest not in self.blobs:
            data = b"".join([chunk async for chunk in chunks])
            if size != len(data) or digest != f"sha256:{hashlib.sha256(data).hexdigest()}":
                raise InvalidParameter(f"unexpected commit digest or size of {digest}")
            self.blobs[digest] = data
            self.writes.append(digest)
        await self.label(digest, labels)

    async def label(self, digest: str, labels: dict[str, str]) -> None:
        await self.info(digest)
        self.labels.setdefault(digest, {}).update(labels)


class FakeLeases(Leases):
    """Leases by id: their labels, and what was put under them."""

    def __init__(self) -> None:
        self.open: dict[str, dict[str, str]] = {}
        self.made: list[tuple[dict[str, str], int | None]] = []
        self.held: list[tuple[str, str]] = []

    async def create(self, id: str, labels: dict[str, str] | None = None, expire_ns: int | None = None) -> None:
        self.open[id] = labels or {}
        self.made.append((labels or {}, expire_ns))

    async def delete(self, id: str, sync: bool = False) -> None:
        self.open.pop(id, None)

    async def add(self, id: str, kind: str, ident: str) -> None:
        assert id in self.open
        self.held.append((kind, ident))


class FakeSnapshots(Snapshots):
    """Snapshots by name; `faster` is committed by somebody else while we unpack."""

    def __init__(self) -> None:
        self.snapshotter = "overlayfs"
        self.all: dict[str, SnapshotInfo] = {}
        self.faster = ""

    async def prepare(self, key: str, parent: str, lease: str, labels: dict[str, str] | None = None) -> Mounts:
        assert lease
        if parent and parent not in self.all:
            raise NotFound(f"parent snapshot {parent}: not found")
        self.all[key] = SnapshotInfo(key, parent, "active", labels or {})
        return [MountSpec("overlay", key)]

    async def commit(self, name: str, key: str, lease: str, labels: dict[str, str] | None = None) -> None:
        if name == self.faster:
            self.all[name] = SnapshotInfo(name, self.all[key].parent, "committed", {})
        if name in self.all:
            raise Conflict(f"snapshot {name}: already exists")
        self.all[name] = SnapshotInfo(name, self.all.pop(key).parent, "committed", labels or {})

    async def remove(self, key: str) -> None:
        self.all.pop(key, None)

    async def stat(self, key: str) -> SnapshotInfo:
        if key not in self.all:
            raise NotFound(f"snapshot {key}: not found")
        return self.all[key]


class FakeDiff(Diff):
    """Applies nothing, but says what the layer is when it is uncompressed."""

    def __init__(self, content: FakeContent) -> None:
        self._content = content
        self.applied: list[str] = []

    async def apply(self, layer: Descriptor, mounts: Iterable[MountSpec], lease: str) -> Descriptor:
        if "zstd" in layer.media_type:
            raise Unimplemented("no processor for media-type: unknown")
        data = await self._content.read(layer.digest)
        self.applied.append(layer.digest)
        return Descriptor(digest=digest(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data))


class FakeNames(Names):
    """What was named, in order."""

    def __init__(self) -> None:
        self.pointed: list[tuple[str, Descriptor]] = []

    async def point(self, name: str, target: Descriptor, lease: str = "") -> None:
        assert lease
        self.pointed.append((name, target))


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def tar(files: Files, links: dict[str, str] | None = None, kind: bytes = tarfile.SYMTYPE, form: int = 1) -> bytes:
    """An archive of files and of links, in tarfile's format."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def config(*layers: bytes, architecture: str = "amd64", **more: Any) -> bytes:
    """The config of an image whose uncompressed layers these are."""
    rootfs = {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}
    return json.dumps({"os": "linux", "architecture": architecture, "rootfs": rootfs, **more}).encode()


def docker_files(tags: list[str], *layers: bytes, **more: Any) -> Files:
    """An archive as older engines wrote it."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    entry = {"Config": "c.json", "RepoTags": tags, "Layers": names}
    files = dict(zip(names, layers, strict=True))
    return files | {"c.json": config(*layers, **more), "manifest.json": json.dumps([entry]).encode()}


class OciFiles:
    """An OCI layout that is put together from the leaves up."""

    def __init__(self) -> None:
        self.files: Files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def add(self, data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        """Add a blob and return its descriptor."""
        name = digest(data)
        self.files[f"blobs/{name.replace(':', '/')}"] = data
        return {"mediaType": media_type, "digest": name, "size": len(data), **more}

    def image(self, *layers: bytes, architecture: str = "amd64", **more: Any) -> dict[str, Any]:
        """Add an image with its layers compressed and return the manifest's descriptor."""
        made = [self.add(gzip.compress(layer, mtime=0), OCI_LAYER) for layer in layers]
        configured = self.add(config(*layers, architecture=architecture), OCI_CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": configured, "layers": made}
        return self.add(json.dumps(manifest).encode(), OCI_MANIFEST, **more)

    def index(self, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Add an index and return its descriptor."""
        return self.add(self.document(*children), OCI_INDEX, **more)

    def top(self, *targets: dict[str, Any]) -> Files:
        """Return all files with an index.json that lists these."""
        return self.files | {"index.json": self.document(*targets)}

    @staticmethod
    def document(*children: dict[str, Any]) -> bytes:
        return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(children)}).encode()

    def drop(self, descriptor: dict[str, Any]) -> None:
        """Leave a blob out of the archive."""
        del self.files[f"blobs/{descriptor['digest'].replace(':', '/')}"]


async def chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
