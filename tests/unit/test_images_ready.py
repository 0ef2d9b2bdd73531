"""Images that others have put into the store without unpacking them."""

import asyncio

import pytest

from tests.unit.load_fakes import FakeContent, FakeDiff, FakeLeases, FakeSnapshots, config, digest
from wherry.base.errors import System
from wherry.images.manifests import PlatformImage
from wherry.images.parse import parse_document
from wherry.images.ready import Ready
from wherry.images.unpack import Unpacker, chain_ids
from wherry.model.image import Descriptor, ImageConfig, Manifest

LAYERS = (b"base layer", b"top layer")
CHAIN = list(chain_ids([digest(layer) for layer in LAYERS]))
KEPT = "containerd.io/gc.ref.snapshot.overlayfs"


class Bench:
    """Images on fakes."""

    def __init__(self) -> None:
        self.content, self.leases, self.snapshots = FakeContent(), FakeLeases(), FakeSnapshots()
        self.diff = FakeDiff(self.content)
        unpack = Unpacker(self.content, self.leases, self.snapshots, self.diff)
        self.ready = Ready(self.snapshots, self.leases, unpack, {"mark": "m"})

    def image(self, *layers: bytes, diffs: tuple[bytes, ...] | None = None) -> PlatformImage:
        raw = config(*(layers if diffs is None else diffs))
        for blob in (raw, *layers):
            self.content.put(blob)
        described = [Descriptor(media_type="layer", digest=digest(layer), size=len(layer)) for layer in layers]
        manifest = Manifest(config=Descriptor(digest=digest(raw)), layers=described)
        return PlatformImage(Descriptor(digest=digest(b"manifest")), manifest, parse_document(raw, ImageConfig))


async def test_it_is_unpacked_once_under_a_lease_that_expires() -> None:
    bench = Bench()
    image = bench.image(*LAYERS)
    await asyncio.gather(*[bench.ready(image) for _ in range(3)])
    assert bench.diff.applied == [layer.digest for layer in image.manifest.layers]
    assert bench.content.labels[image.manifest.config.digest] == {KEPT: CHAIN[1]}
    assert all(labels["mark"] == "m" and expires for labels, expires in bench.leases.made)
    assert bench.leases.open == {}
    made = len(bench.leases.made)
    await bench.ready(image)
    assert len(bench.leases.made) == made


async def test_nothing_is_unpacked_without_layers() -> None:
    bench = Bench()
    await bench.ready(bench.image())
    assert bench.leases.made == []


@pytest.mark.parametrize("fault", ["lost", "wrong", "uneven"])
async def test_what_cannot_be_unpacked_is_a_failure_of_the_system(fault: str) -> None:
    bench = Bench()
    diffs = {"lost": LAYERS, "wrong": LAYERS[::-1], "uneven": LAYERS[:1]}[fault]
    image = bench.image(*LAYERS, diffs=diffs)
    if fault == "lost":
        del bench.content.blobs[digest(LAYERS[0])]
    with pytest.raises(System):
        await bench.ready(image)
    assert (bench.snapshots.all, bench.leases.open) == ({}, {})
