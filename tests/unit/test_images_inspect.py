import msgspec
import pytest
from msgspec.structs import replace

from tests.unit.images_fakes import AMD64, ARM64, INDEX, MANIFEST, PARENT, Shop
from wherry.base.errors import NotFound, System
from wherry.base.times import show_time
from wherry.images.inspect import Inspect
from wherry.images.manifests import Documents
from wherry.images.meter import Meter
from wherry.images.uses import ImageUse
from wherry.model.image import Platform

A1 = "docker.io/library/a:1"
NOWHERE = Platform(os="unknown", architecture="unknown")


def inspect_of(shop: Shop) -> Inspect:
    return Inspect(
        shop.images,
        Documents(shop.content, AMD64),
        Meter(shop.content, shop.snapshots),
        lambda: shop.uses,
        "overlayfs",
    )


async def test_all_that_is_said() -> None:
    shop = Shop()
    target = shop.image(
        "a",
        Platform(os="linux", architecture="arm64", variant="v8"),
        created="2024-05-01T10:20:30.120000000Z",
        author="me",
        docker_version="27.0",
        history=[{"comment": "first"}, {"comment": "last"}],
        config={"Env": ["A=1"], "Cmd": ["x"], "User": "", "Labels": None, "Hostname": "gone", "Shell": ["sh"]},
    )
    shop.name(target, A1, "reg.io/x/y:2", labels={PARENT: "sha256:parent"})
    manifest = msgspec.json.decode(shop.content.blobs[target.digest])
    content = target.size + manifest["config"]["size"] + 10 + 20
    config = msgspec.json.decode(shop.content.blobs[manifest["config"]["digest"]])
    assert await inspect_of(shop)("a:1", False) == {
        "Id": target.digest,
        "RepoTags": ["a:1", "reg.io/x/y:2"],
        "RepoDigests": [f"a@{target.digest}", f"reg.io/x/y@{target.digest}"],
        "Parent": "sha256:parent",
        "Comment": "last",
        "Created": "2024-05-01T10:20:30.12Z",
        "Author": "me",
        "DockerVersion": "27.0",
        "Architecture": "arm64",
        "Variant": "v8",
        "Os": "linux",
        "Config": {"Env": ["A=1"], "Cmd": ["x"], "Shell": ["sh"]},
        "RootFS": {"Type": "layers", "Layers": config["rootfs"]["diff_ids"]},
        "Size": content,
        "GraphDriver": {"Name": "overlayfs", "Data": None},
        "Metadata": {"LastTagTime": "2023-11-14T22:13:22Z"},
        "Descriptor": {"mediaType": target.media_type, "digest": target.digest, "size": target.size},
    }


async def test_only_the_best_platform_counts() -> None:
    shop = Shop()
    own, foreign = shop.image("a"), shop.image("b", ARM64)
    index = shop.name(shop.index((foreign, ARM64), (own, AMD64)), A1)
    shop.name(own, "docker.io/library/own:1")
    inspect = inspect_of(shop)
    body = await inspect("a:1", False)
    assert body["Id"] == index.digest
    assert body["Architecture"] == "amd64"
    assert body["Size"] == index.size + (await inspect("own:1", False))["Size"]


async def test_a_dangling_image() -> None:
    shop = Shop()
    target = shop.name(shop.image("a"), "")
    body = await inspect_of(shop)(target.digest, False)
    assert (body["RepoTags"], body["RepoDigests"], body["Parent"]) == ([], [], "")
    assert "Created" not in body


async def test_an_image_with_no_platform_present() -> None:
    shop = Shop()
    own = shop.image("a")
    index = shop.name(shop.index((own, AMD64)), A1)
    del shop.content.blobs[own.digest]
    body = await inspect_of(shop)("a:1", False)
    assert (body["Id"], body["Config"], body["RootFS"], body["Size"]) == (index.digest, {}, {}, index.size)


async def test_every_manifest() -> None:
    shop = Shop()
    own, foreign, lost = shop.image("a"), shop.image("b", ARM64, unpacked=False), shop.image("c")
    statements = [shop.content.put(b"{}" + b" " * number, MANIFEST) for number in range(2)]
    about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": own.digest}
    children = [
        replace(own, platform=AMD64, annotations={"x": "y"}),
        foreign,
        replace(lost, platform=ARM64),
        replace(statements[0], platform=NOWHERE, annotations=about),
        replace(statements[1], platform=NOWHERE),
        shop.manifest(shop.document({}, "text/plain"), [shop.content.put(b"signature", "text/plain")]),
    ]
    index = shop.name(shop.document({"schemaVersion": 2, "manifests": children}, INDEX), A1)
    del shop.content.blobs[lost.digest]
    del shop.content.blobs[msgspec.json.decode(shop.content.blobs[foreign.digest])["layers"][0]["digest"]]
    shop.uses = [ImageUse(f"c{n}", index.digest, "a", False, own.digest) for n in (1, 2)]
    shop.use(foreign, "c3")
    body = await inspect_of(shop)("a:1", True)
    found = body["Manifests"]
    assert [entry["ID"] for entry in found] == [child.digest for child in children]
    assert found[0] == {
        "ID": own.digest,
        "Descriptor": {
            "mediaType": MANIFEST,
            "digest": own.digest,
            "size": own.size,
            "annotations": {"x": "y"},
            "platform": {"architecture": "amd64", "os": "linux"},
        },
        "Available": True,
        "Size": {"Content": body["Size"] - index.size, "Total": body["Size"] - index.size + 300},
        "Kind": "image",
        "ImageData": {
            "Platform": {"architecture": "amd64", "os": "linux"},
            "Size": {"Unpacked": 300},
            "Containers": ["c1", "c2"],
        },
    }
    assert found[3]["AttestationData"] == {"For": own.digest}
    assert [entry["Kind"] for entry in found] == ["image", "image", "image", "attestation", "unknown", "unknown"]
    assert [entry["Available"] for entry in found] == [True, False, False, False, False, True]
    data = [entry.get("ImageData", {}) for entry in found]
    arm = {"architecture": "arm64", "os": "linux"}
    assert [one.get("Platform") for one in data[1:]] == [arm, arm, None, None, None]
    assert [one.get("Containers") for one in data[1:]] == [["c3"], None, None, None, None]
    assert found[2]["Size"] == {"Content": 0, "Total": 0}
    assert "Manifests" not in await inspect_of(shop)("a:1", False)


async def test_an_index_of_nothing_has_no_manifests() -> None:
    shop = Shop()
    shop.name(shop.index(), A1)
    assert "Manifests" not in await inspect_of(shop)("a:1", True)


async def test_what_is_missing_is_named() -> None:
    shop = Shop()
    with pytest.raises(NotFound, match="^No such image: a:1$"):
        await inspect_of(shop)("a:1", False)
    target = shop.name(shop.index((shop.image("a"), AMD64)), A1)
    shop.images.before["list"] = shop.images.records.clear
    with pytest.raises(NotFound, match="^No such image: a:1$"):
        await inspect_of(shop)("a:1", False)
    shop.name(target, A1)
    del shop.content.blobs[target.digest]
    with pytest.raises(System, match=target.digest):
        await inspect_of(shop)("a:1", False)
    shop.images.before["get"] = lambda: shop.images.before.update(get=shop.images.records.clear)
    with pytest.raises(NotFound, match="^No such image: a:1$"):
        await inspect_of(shop)("a:1", False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2024-05-01T10:20:30Z", "2024-05-01T10:20:30Z"),
        ("2024-05-01T10:20:30.000000000Z", "2024-05-01T10:20:30Z"),
        ("2024-05-01T10:20:30.1234567899+02:00", "2024-05-01T10:20:30.123456789+02:00"),
        ("2024-05-01T10:20:30+00:00", "2024-05-01T10:20:30Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("2024-13-01T10:20:30Z", None),
        ("2024-05-01", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_as_go_prints_them(text: str, shown: str | None) -> None:
    assert show_time(text) == shown
