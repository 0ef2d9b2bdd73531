"""One image comes from a registry into the store."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.unit.load_fakes import (
    OCI_INDEX,
    FakeContent,
    FakeDiff,
    FakeLeases,
    FakeSnapshots,
    OciFiles,
    tar,
)
from wherry.base.errors import EngineError, InvalidParameter, NotFound, System
from wherry.images.fetch import Fetch, Fetched, choose
from wherry.images.offers import GC_CONTENT_LABEL, Held
from wherry.images.progress import Progress
from wherry.images.pull import read_reference
from wherry.images.registry import Repository, Watcher
from wherry.images.slots import Slots
from wherry.images.unpack import Unpacker
from wherry.model.image import Descriptor, Platform

A, B = tar({"a": b"1"}), tar({"b": b"2"})
AMD64, ARM64 = Platform(os="linux", architecture="amd64"), Platform(os="linux", architecture="arm64")


class FakeRepository(Repository):
    """Serves blobs by digest; counts what was asked for."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self.blobs = blobs
        self.asked: list[str] = []

    async def document(self, target: Descriptor, kind: str) -> bytes:
        self.asked.append(target.digest)
        if target.digest not in self.blobs:
            raise NotFound(f"manifest unknown: {target.digest}")
        return self.blobs[target.digest]

    async def blob(self, target: Descriptor, watcher: Watcher) -> AsyncGenerator[bytes, None]:
        data = await self.document(target, "blobs")
        watcher.got(len(data))
        yield data


class Shop:
    """A store, and a repository with what was put into `files`."""

    def __init__(self) -> None:
        self.content, self.leases, self.snapshots = FakeContent(), FakeLeases(), FakeSnapshots()
        self.diff = FakeDiff(self.content)
        self.files = OciFiles()
        self.slots = Slots(3)
        self.progress = Progress()

    def repository(self) -> FakeRepository:
        prefix = "blobs/sha256/"
        files = self.files.files.items()
        return FakeRepository(
            {f"sha256:{name[len(prefix) :]}": data for name, data in files if name.startswith(prefix)}
        )

    async def fetch(
        self, made: dict[str, Any], wanted: Platform = AMD64, repository: FakeRepository | None = None
    ) -> Fetched:
        await self.leases.create("lease")
        target = Descriptor(media_type=made["mediaType"], digest=made["digest"], size=made["size"])
        unpack = Unpacker(self.content, self.leases, self.snapshots, self.diff)
        held = Held(self.content, self.leases, "lease")
        return await Fetch(repository or self.repository(), held, unpack, self.slots, self.progress, wanted)(
            target, b""
        )

    async def statuses(self) -> list[str]:
        self.progress.end()
        return [message["status"] async for message in self.progress.messages()]


async def test_an_image_comes_with_labels_and_snapshots() -> None:
    shop = Shop()
    made = shop.files.image(A, B)
    found = await shop.fetch(made)
    assert found.downloaded
    assert found.image.platform == AMD64
    labels = shop.content.labels[made["digest"]]
    assert labels[f"{GC_CONTENT_LABEL}.config"] == found.image.manifest.config.digest
    assert set(found.image.chain_ids) <= shop.snapshots.all.keys()
    statuses = await shop.statuses()
    assert [statuses.count(one) for one in ("Pulling fs layer", "Download complete", "Pull complete")] == [2, 2, 2]


async def test_what_is_there_is_not_asked_for() -> None:
    shop = Shop()
    made = shop.files.image(A, B)
    await shop.fetch(made)
    shop.progress, repository = Progress(), shop.repository()
    found = await shop.fetch(made, repository=repository)
    assert not found.downloaded
    assert repository.asked == []
    assert await shop.statuses() == []


async def test_an_index_leads_to_the_platform() -> None:
    shop = Shop()
    arm = shop.files.image(A, architecture="arm64", platform={"os": "linux", "architecture": "arm64"})
    amd = shop.files.image(B, platform={"os": "linux", "architecture": "amd64"})
    index = shop.files.index(arm, amd)
    assert (await shop.fetch(index)).image.descriptor.digest == amd["digest"]
    assert shop.content.labels[index["digest"]] == {f"{GC_CONTENT_LABEL}.m.1": amd["digest"]}
    assert arm["digest"] not in shop.content.blobs
    assert (await shop.fetch(index, ARM64)).image.descriptor.digest == arm["digest"]
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x in the manifest list entries"):
        await shop.fetch(index, Platform(os="linux", architecture="s390x"))


async def test_a_layer_that_is_another() -> None:
    shop = Shop()
    made = shop.files.image(A, B)
    repository = shop.repository()
    layers = json.loads(repository.blobs[made["digest"]])["layers"]
    repository.blobs[layers[1]["digest"]] = b"x" * layers[1]["size"]
    with pytest.raises(System, match=f"filesystem layer verification failed for digest {layers[1]['digest']}"):
        await shop.fetch(made, repository=repository)


async def test_a_layer_that_is_absent_ends_the_rest() -> None:
    shop = Shop()
    made = shop.files.image(A, B)
    repository = shop.repository()
    layers = json.loads(repository.blobs[made["digest"]])["layers"]
    del repository.blobs[layers[0]["digest"]]
    with pytest.raises(NotFound):
        await shop.fetch(made, repository=repository)
    assert shop.snapshots.all == {}


def odd(shop: Shop, name: str) -> dict[str, Any]:
    """A target that is not what it should be."""
    made = shop.files.image(A)
    document = json.loads(shop.files.files[f"blobs/{made['digest'].replace(':', '/')}"])
    match name:
        case "both":
            document["manifests"] = [made]
        case "type":
            document["mediaType"] = OCI_INDEX
        case "chart":
            document["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
        case "digest":
            document["layers"][0]["digest"] = "../../etc/passwd"
        case "size":
            document["layers"][0]["size"] = -1
        case "layers":
            document["layers"] *= 2
        case "index":
            return shop.files.index(
                {**made, "digest": "sha256:0", "platform": {"os": "linux", "architecture": "amd64"}}
            )
        case "deep":
            for _ in range(5):
                made = shop.files.index({**made, "platform": {"os": "linux", "architecture": "amd64"}})
            return made
    return shop.files.add(json.dumps(document).encode(), made["mediaType"])


@pytest.mark.parametrize("name", ["both", "type", "chart", "digest", "size", "layers", "index", "deep"])
async def test_what_is_not_what_it_should_be(name: str) -> None:
    shop = Shop()
    with pytest.raises(EngineError) as caught:
        await shop.fetch(odd(shop, name))
    assert isinstance(caught.value, InvalidParameter), caught.value
    assert shop.snapshots.all == {}


@pytest.mark.parametrize(
    ("wanted", "at"),
    [("amd64", 1), ("amd64/v3", 2), ("amd64/v2", 1), ("arm64", 0), ("arm/v7", 4), ("arm/v6", 4), ("arm/v5", 3)],
)
def test_the_best_child(wanted: str, at: int) -> None:
    offered = ["arm64/v8", "amd64", "amd64/v3", "arm/v5", "arm/v6", "386"]
    children = [
        Descriptor(media_type="application/vnd.oci.image.manifest.v1+json", platform=platform(text)) for text in offered
    ]
    unknown = Descriptor(media_type=children[0].media_type, platform=Platform(os="unknown", architecture="unknown"))
    assert choose([*children, unknown], platform(wanted)) == (at, children[at])


def platform(text: str) -> Platform:
    architecture, _, variant = text.partition("/")
    return Platform(os="linux", architecture=architecture, variant=variant)


D = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "tag", "familiar"),
    [
        ("alpine", "3", "alpine:3"),
        ("alpine:", "3", "alpine:3"),
        ("alpine:2", "3", "alpine:3"),
        ("alpine:2", "", "alpine:2"),
        ("alpine", "", "alpine"),
        ("alpine", D, f"alpine@{D}"),
        (f"alpine:2@{D}", "", f"alpine@{D}"),
        ("r.example:5/a/b", "x", "r.example:5/a/b:x"),
    ],
)
def test_what_is_to_be_pulled(image: str, tag: str, familiar: str) -> None:
    assert read_reference(image, tag).familiar == familiar


@pytest.mark.parametrize(
    ("image", "tag", "words"),
    [
        ("alpine", "a b", "invalid tag format"),
        ("alpine", "sha256:0", "invalid tag format"),
        ("Alpine", "", "must be lowercase"),
        ("scratch", "latest", "'scratch' is a reserved name"),
        ("a@sha512:" + "a" * 128, "", "unsupported digest algorithm"),
    ],
)
def test_what_cannot_be_pulled(image: str, tag: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        read_reference(image, tag)
