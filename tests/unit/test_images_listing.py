import time

import pytest
from msgspec.structs import replace

from tests.unit.images_fakes import AMD64, ARM64, CONFIG, INDEX, PARENT, Shop
from wherry.base.errors import InvalidParameter, NotFound, Unavailable
from wherry.base.times import parse_moment
from wherry.base.units import SECOND
from wherry.images.filters import glob
from wherry.images.listing import AT_ONCE, Listing
from wherry.images.manifests import Documents
from wherry.images.meter import Meter
from wherry.model.image import Descriptor

A1, A2, B1 = "docker.io/library/a:1", "docker.io/library/a:2", "docker.io/library/b:1"
NOW = 1_700_000_000 * SECOND


def listing_of(shop: Shop) -> Listing:
    documents = Documents(shop.content, AMD64)
    return Listing(shop.images, documents, Meter(shop.content, shop.snapshots), lambda: shop.uses)


async def names(shop: Shop, filters: dict[str, list[str]] | None = None, every: bool = False) -> list[str]:
    """List, and return the names shown, the digest of an image without any."""
    found = await listing_of(shop)(every, filters or {}, False, False)
    return [tag for entry in found for tag in entry["RepoTags"] or [entry["Id"]]]


async def test_all_that_is_said() -> None:
    shop = Shop()
    target = shop.image("a", created="2024-05-01T10:20:30.5Z", config={"Labels": {"l": "1"}})
    shop.name(target, "", A1, A2, B1, labels={PARENT: "sha256:parent"})
    shop.use(target, "c1")
    shop.use(target, "c2", running=True)
    (entry,) = await listing_of(shop)(False, {}, False, False)
    manifest_and_config = sum(len(blob) for blob in shop.content.blobs.values()) - 30
    assert entry == {
        "Id": target.digest,
        "ParentId": "sha256:parent",
        "RepoTags": ["a:1", "a:2", "b:1"],
        "RepoDigests": [f"a@{target.digest}", f"b@{target.digest}"],
        "Created": 1714558830,
        "Size": manifest_and_config + 10 + 20 + 100 + 200,
        "SharedSize": -1,
        "Labels": {"l": "1"},
        "Containers": 2,
        "Descriptor": {"mediaType": target.media_type, "digest": target.digest, "size": target.size},
    }


async def test_sizes_of_all_platforms_that_are_present() -> None:
    shop = Shop()
    own, foreign, absent = shop.image("a"), shop.image("b", ARM64, unpacked=False), shop.image("c", ARM64)
    index = shop.name(shop.index((own, AMD64), (foreign, ARM64), (absent, ARM64)), A1)
    del shop.content.blobs[absent.digest]
    listing = listing_of(shop)
    whole = (await listing(False, {}, False, False))[0]["Size"]
    del shop.images.records[A1]
    shop.name(own, A1)
    shop.name(foreign, A2)
    assert sum(entry["Size"] for entry in await listing(False, {}, False, False)) == whole
    assert index.digest in shop.content.blobs


async def test_sizes_of_layers_that_images_share() -> None:
    shop = Shop()
    base, second, third = (f"sha256:{letter * 64}" for letter in "abc")
    for name, diff_ids in ((A1, [base, second]), (A2, [base, third]), (B1, [second]), ("docker.io/library/c:1", [])):
        config = shop.document({"rootfs": {"type": "layers", "diff_ids": diff_ids}, "name": name}, CONFIG)
        shop.name(shop.manifest(config, []), name)
    shop.snapshots.sizes[base] = 7
    entries = await listing_of(shop)(False, {}, True, False)
    assert {entry["RepoTags"][0]: entry["SharedSize"] for entry in entries} == {"a:1": 7, "a:2": 7, "b:1": 0, "c:1": 0}
    assert [entry["SharedSize"] for entry in await listing_of(shop)(False, {"reference": ["a:1"]}, True, False)] == [0]
    shop.snapshots.sizes.clear()
    assert [entry["SharedSize"] for entry in await listing_of(shop)(False, {}, True, False)] == [0, 0, 0, 0]


async def test_manifests_on_demand() -> None:
    shop = Shop()
    own, foreign = shop.image("a"), shop.image("b", ARM64)
    shop.name(shop.index((own, AMD64), (foreign, ARM64)), A1)
    shop.name(shop.index(), A2)
    shop.use(own, "c1")
    one, none = sorted(await listing_of(shop)(False, {}, False, True), key=lambda entry: str(entry["RepoTags"]))
    assert [found["ID"] for found in one["Manifests"]] == [own.digest, foreign.digest]
    assert [found["ImageData"]["Containers"] for found in one["Manifests"]] == [["c1"], None]
    assert sum(found["Size"]["Total"] for found in one["Manifests"]) == one["Size"]
    assert "Manifests" not in none


async def test_of_several_names_the_last_shows_its_descriptor() -> None:
    shop = Shop()
    target = shop.image("a", config={"Labels": {}})
    for name in (A1, A2, ""):
        shop.name(replace(target, annotations={"name": name}), name)
    (entry,) = await listing_of(shop)(False, {}, False, False)
    assert entry["Descriptor"]["annotations"] == {"name": A2}
    assert entry["Labels"] == {}


async def test_the_newest_is_first_and_no_time_is_0() -> None:
    shop = Shop()
    shop.name(shop.image("a"), A1)
    shop.name(shop.image("b", created="2024-05-01T10:20:30Z"), A2)
    shop.name(shop.image("c", created="2025-05-01T10:20:30Z"), B1)
    shop.name(shop.image("d", created="nonsense"), "docker.io/library/d:1")
    entries = await listing_of(shop)(False, {}, False, False)
    assert [entry["RepoTags"][0] for entry in entries] == ["b:1", "a:2", "a:1", "d:1"]
    assert entries[-1]["Created"] == 0
    assert entries[-1]["Labels"] is None


async def test_intermediate_images_are_hidden() -> None:
    shop = Shop()
    parent = shop.name(shop.image("a"), "")
    shop.name(shop.image("b"), B1, labels={PARENT: parent.digest})
    assert await names(shop) == ["b:1"]
    assert set(await names(shop, every=True)) == {"b:1", parent.digest}


@pytest.mark.parametrize("lost", ["manifest", "index", "broken"])
async def test_an_image_whose_content_is_lost(lost: str) -> None:
    shop = Shop()
    own = shop.image("a")
    target = shop.name(shop.index((own, AMD64)), A1)
    if lost == "broken":
        target = shop.name(shop.content.put(b"{", INDEX), A1)
    else:
        del shop.content.blobs[own.digest if lost == "manifest" else target.digest]
    (entry,) = await listing_of(shop)(False, {}, False, False)
    assert (entry["Id"], entry["RepoTags"], entry["RepoDigests"]) == (target.digest, ["a:1"], [target.digest])
    assert (entry["Created"], entry["Containers"], entry["Labels"]) == (0, -1, None)


async def test_an_image_that_goes_meanwhile_is_left_out() -> None:
    shop = Shop()
    shop.name(shop.image("a"), A1)
    shop.content.blobs.clear()
    shop.images.before["get"] = shop.images.records.clear
    assert await names(shop) == []


async def test_a_containerd_that_is_down_is_a_failure() -> None:
    shop = Shop()
    for number in range(3 * AT_ONCE):
        shop.name(shop.image(str(number)), f"docker.io/library/a:{number}")

    async def read(digest: str, limit: int = 0) -> bytes:
        raise Unavailable("down")

    shop.content.read = read  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await listing_of(shop)(False, {}, False, False)


async def test_a_second_list_asks_little() -> None:
    shop = Shop()
    for number in range(20):
        shop.name(shop.image(str(number)), f"docker.io/library/a:{number}")
    listing = listing_of(shop)
    first = await listing(False, {}, False, False)
    calls = shop.content.calls + shop.images.calls
    assert await listing(False, {}, False, False) == first
    assert shop.content.calls + shop.images.calls == calls + 1


# Filters.


def three(shop: Shop) -> tuple[Descriptor, Descriptor, Descriptor]:
    """Images of three days: two names, none, one."""
    found = [
        shop.image(name, created=f"2024-05-0{day}T00:00:00Z", config={"Labels": labels})
        for name, day, labels in (("x", 1, {"l": "1"}), ("y", 2, {"l": "2", "m": ""}), ("z", 3, None))
    ]
    shop.name(found[0], A1, A2)
    shop.name(found[1], "")
    shop.name(found[2], "reg.io:5000/team/b:1")
    return found[0], found[1], found[2]


B = "reg.io:5000/team/b:1"


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({}, [B, "y", "a:1", "a:2"]),
        ({"dangling": ["true"]}, ["y"]),
        ({"dangling": ["1", "true"]}, ["y"]),
        ({"dangling": ["false"]}, [B, "a:1", "a:2"]),
        ({"label": []}, [B, "y", "a:1", "a:2"]),
        ({"label": ["l"]}, ["y", "a:1", "a:2"]),
        ({"label": ["l=1"]}, ["a:1", "a:2"]),
        ({"label": ["l", "m"]}, ["y"]),
        ({"label": ["l=1", "m"]}, []),
        ({"label": ["m="]}, ["y"]),
        ({"label": ["l!=1"]}, [B, "y"]),
        ({"label!": ["l"]}, [B]),
        ({"label!": ["l=2"]}, [B, "a:1", "a:2"]),
        ({"label!": ["l!=2"]}, ["y"]),
        ({"label": ["l"], "label!": ["m"]}, ["a:1", "a:2"]),
        ({"before": [B]}, ["y", "a:1", "a:2"]),
        ({"since": ["a:1"]}, [B, "y"]),
        ({"since": ["a:2"], "before": [B]}, ["y"]),
        ({"reference": ["a"]}, ["a:1", "a:2"]),
        ({"reference": ["a:2"]}, ["a:2"]),
        ({"reference": ["*"]}, ["a:1", "a:2"]),
        ({"reference": ["a:[2-9]", "*/team/*"]}, [B, "a:2"]),
        ({"reference": ["docker.io/library/a:1"]}, []),
        ({"reference": ["docker.io/*/*"]}, []),
        ({"reference": ["reg.io:5000/team/b"]}, [B]),
        ({"reference": ["["]}, []),
        ({"reference": ["[", "a"]}, ["a:1", "a:2"]),
        ({"until": ["2023-11-15T00:00:00Z"]}, [B, "y", "a:1", "a:2"]),
        ({"until": ["1700000002"]}, ["a:1"]),
        ({"until": ["2023-11-15T00:00:00Z", "1700000001"]}, []),
        ({"until": ["1h"]}, [B, "y", "a:1", "a:2"]),
    ],
)
async def test_filters(filters: dict[str, list[str]], shown: list[str]) -> None:
    shop = Shop()
    _, dangling, _ = three(shop)
    assert await names(shop, filters) == [name.replace("y", dangling.digest) for name in shown]


async def test_a_label_of_any_platform_counts_and_attestations_do_not() -> None:
    shop = Shop()
    own, foreign = shop.image("a", config={"Labels": {"l": "1"}}), shop.image("b", ARM64, config={"Labels": {"l": "2"}})
    shop.name(shop.index((own, AMD64), (foreign, ARM64)), A1)
    assert await names(shop, {"label": ["l=2"]}) == ["a:1"]
    assert await names(shop, {"label": ["l=1", "l=2"]}) == []
    assert await names(shop, {"label!": ["l"]}) == []


async def test_an_image_without_time_has_no_before_and_after() -> None:
    shop = Shop()
    shop.name(shop.image("a"), A1)
    shop.name(shop.image("b", created="2024-05-01T10:20:30Z"), B1)
    assert await names(shop, {"before": ["b:1"]}) == []
    assert await names(shop, {"before": ["a:1"]}) == ["b:1", "a:1"]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"name": ["x"]}, "invalid filter 'name'"),
        ({"dangling": ["yes"]}, "invalid filter 'dangling=[yes]'"),
        ({"dangling": ["1", "0"]}, "invalid filter 'dangling=[1 0]'"),
        ({"dangling": []}, "invalid filter 'dangling'"),
        (
            {"until": [" "]},
            "invalid value for 'until' filter: failed to parse value as time or duration: value is empty",
        ),
        (
            {"label": ["k" * 5000]},
            "label key and value length (5000 bytes) greater than maximum size (4096 bytes), key: ",
        ),
        ({"before": ["Not Valid"]}, "invalid reference format"),
    ],
)
async def test_broken_filters(filters: dict[str, list[str]], said: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        await listing_of(Shop())(False, filters, False, False)
    assert str(caught.value).startswith(said)


async def test_before_an_image_that_does_not_exist() -> None:
    for key in ("before", "since"):
        with pytest.raises(NotFound, match="^No such image: x:latest$"):
            await listing_of(Shop())(False, {key: ["x"]}, False, False)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a*c", "abbc", True),
        ("a*c", "ab/c", False),
        ("*", "", True),
        ("**", "ab", True),
        ("?", "/", False),
        ("a?c*", "abcde", True),
        ("*b*d*", "abcde", True),
        ("*b*b*", "abcde", False),
        ("*ab", "aab", True),
        ("a/*/c", "a/b/c", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[\\]^]", "]", True),
        ("[.-/]", "x", False),
        ("\\*", "*", True),
        ("\\*", "a", False),
        ("a.c", "abc", False),
        ("(a|b)+", "a", False),
        ("é*", "éa", True),
        ("a*b?d*f", "axbcdyf", True),
    ],
)
def test_globs(pattern: str, text: str, matches: bool) -> None:
    found = glob(pattern)
    assert found is not None
    assert bool(found.fullmatch(text)) == matches


@pytest.mark.parametrize("pattern", ["[", "[]", "[a", "[a-]", "[-a]", "[b-a]", "\\", "a" * 600])
def test_broken_globs(pattern: str) -> None:
    assert glob(pattern) is None


def test_a_glob_takes_no_time() -> None:
    pattern = glob("*a" * 200 + "*c")
    assert pattern is not None
    started = time.process_time()
    assert pattern.fullmatch("a" * 400) is None
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("10m", NOW - 600 * SECOND),
        ("1h30m1.5s", NOW - 5401 * SECOND - SECOND // 2),
        ("-1s", NOW + SECOND),
        ("1us", NOW - 1000),
        ("1700000000", NOW),
        ("1700000000.5", NOW + SECOND // 2),
        ("0", 0),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20.000000001+01:00", NOW + 1),
        ("2023-11-14T22:13Z", NOW - 20 * SECOND),
        ("2023-11-14Z", NOW - (22 * 3600 + 13 * 60 + 20) * SECOND),
    ],
)
def test_moments(text: str, at: int) -> None:
    assert parse_moment(text, NOW) == at


def test_moments_without_a_zone_are_local() -> None:
    at = time.mktime((2023, 11, 14, 22, 0, 0, 0, 0, -1))
    assert parse_moment("2023-11-14T22", NOW) == parse_moment("2023-11-14T22:00:00", NOW) == int(at) * SECOND


@pytest.mark.parametrize(
    "text", ["", " ", "x", "1x", "2023-13-01", "9999999999999999999", "1h x", "0001-01-01T00:00:00"]
)
def test_broken_moments(text: str) -> None:
    with pytest.raises(InvalidParameter, match="^failed to parse value as time or duration: "):
        parse_moment(text, NOW)
