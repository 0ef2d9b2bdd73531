import pytest

from tests.unit.images_fakes import (
    AMD64,
    ARM64,
    CONFIG,
    INDEX,
    MANIFEST,
    FakeContent,
    Shop,
)
from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.images.manifests import DEPTH_MAX, MANIFESTS_MAX, Documents
from wherry.images.resolve import Catalog, find, read
from wherry.model.image import Descriptor, Platform

ALPINE = "docker.io/library/alpine"


def target(letters: str) -> Descriptor:
    return Descriptor(media_type=MANIFEST, digest="sha256:" + (letters * 64)[:64], size=1)


async def resolve(shop: Shop, text: str) -> str:
    """Resolve by both ways, which must agree."""
    record = await find(shop.images, text)
    assert read(text).pick(Catalog(shop.images.records.values())) == record
    return record.name


@pytest.mark.parametrize(
    "text",
    [
        "alpine",
        "alpine:latest",
        "library/alpine",
        "docker.io/library/alpine:latest",
        "sha256:" + "abcd" * 16,
        "abcd" * 16,
        "abcd",
        "abcdabcdabcd",
        "sha256:abcd",
        "alpine@sha256:" + "abcd" * 16,
        "alpine:whatever@sha256:" + "abcd" * 16,
    ],
)
async def test_what_finds_an_image(text: str) -> None:
    shop = Shop()
    shop.name(target("abcd"), f"{ALPINE}:latest")
    shop.name(target("1234"), f"{ALPINE}:3")
    assert await resolve(shop, text) == f"{ALPINE}:latest"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "No such image: nothing:latest"),
        ("docker.io/library/nothing:1", "No such image: nothing:1"),
        ("abc", "No such image: abc:latest"),  # shorter than four digits is only a name
        ("beef", "No such image: beef:latest"),
        ("sha256:beef", "No such image: sha256:beef"),
        ("other@sha256:" + "abcd" * 16, "No such image: other@sha256:" + "abcd" * 16),
        ("1" * 64, "No such image: sha256:" + "1" * 64),
        ("abce", "ambiguous reference"),
    ],
)
async def test_what_finds_none(text: str, said: str) -> None:
    shop = Shop()
    shop.name(target("abcd"), f"{ALPINE}:latest", "ill formed")
    shop.name(target("abcef"), "docker.io/library/x:1")
    shop.name(target("abcee"), "docker.io/library/x:2")
    with pytest.raises(NotFound) as caught:
        await find(shop.images, text)
    assert str(caught.value) == said
    with pytest.raises(NotFound) as caught:
        read(text).pick(Catalog(shop.images.records.values()))
    assert str(caught.value) == said


async def test_a_name_wins_over_an_id() -> None:
    shop = Shop()
    shop.name(target("beef"), "docker.io/library/x:1")
    shop.name(target("1234"), "docker.io/library/beef:latest")
    assert await resolve(shop, "beef") == "docker.io/library/beef:latest"


async def test_an_id_of_several_names_is_not_ambiguous() -> None:
    shop = Shop()
    shop.name(target("beef"), "docker.io/library/x:1", "docker.io/library/x:2")
    assert await resolve(shop, "beef") == "docker.io/library/x:1"


@pytest.mark.parametrize("text", ["", "Foo", "a b", "x@sha256:12", "-x"])
async def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidParameter):
        await find(Shop().images, text)


async def test_a_known_image_costs_one_call() -> None:
    shop = Shop()
    manifest = shop.image("a")
    index = shop.name(shop.index((shop.image("b", ARM64), ARM64), (manifest, AMD64)), f"{ALPINE}:latest")
    documents = Documents(shop.content, AMD64)
    await documents.best(index, "alpine")
    calls = shop.content.calls + shop.images.calls
    best = await documents.best((await find(shop.images, "alpine")).target, "alpine")
    assert best.descriptor.digest == manifest.digest
    assert shop.content.calls + shop.images.calls == calls + 1


async def test_chain_and_config() -> None:
    shop = Shop()
    best = await Documents(shop.content, AMD64).best(shop.image("a", config={"Env": ["A=1"], "User": None}), "a")
    assert best.config.config == {"Env": ["A=1"]}
    assert best.platform == AMD64
    assert set(best.chain_ids) == set(shop.snapshots.sizes)


def variant(architecture: str, name: str = "") -> Platform:
    return Platform(os="linux", architecture=architecture, variant=name)


@pytest.mark.parametrize(
    ("host", "offered", "best"),
    [
        (AMD64, [ARM64, AMD64], 1),
        (AMD64, [variant("amd64", "v3"), AMD64], 1),
        (AMD64, [variant("amd64", "v3"), variant("amd64", "v1")], 1),
        (AMD64, [ARM64, variant("amd64", "v3"), variant("amd64", "v2")], 2),
        (AMD64, [ARM64, variant("386")], 1),
        (ARM64, [AMD64, variant("arm", "v6"), variant("arm", "v7")], 2),
        (ARM64, [variant("arm", "v7"), variant("arm64", "v8")], 1),
        (AMD64, [variant("s390x"), variant("ppc64le")], 0),
        (variant("riscv64"), [AMD64, variant("riscv64")], 1),
    ],
)
@pytest.mark.parametrize("told", [True, False])
async def test_the_best_platform(host: Platform, offered: list[Platform], best: int, told: bool) -> None:
    """`told`: whether the index says the platforms, or only the configs do."""
    shop = Shop()
    manifests = [shop.image(str(number), platform) for number, platform in enumerate(offered)]
    index = shop.index(*((found, offered[n] if told else None) for n, found in enumerate(manifests)))
    documents = Documents(shop.content, host)
    assert (await documents.best(index, "x")).descriptor.digest == manifests[best].digest
    assert (await documents.survey(index)).images[0].descriptor.digest == manifests[best].digest


async def test_absent_platforms_and_attestations_are_no_images() -> None:
    shop = Shop()
    foreign, own, statement = shop.image("a", ARM64), shop.image("b"), shop.image("c")
    index = shop.index((statement, Platform(os="unknown", architecture="unknown")), (own, AMD64), (foreign, ARM64))
    del shop.content.blobs[own.digest]
    documents = Documents(shop.content, AMD64)
    assert (await documents.best(index, "x")).descriptor.digest == foreign.digest
    survey = await documents.survey(index)
    assert [found.descriptor.digest for found in survey.images] == [foreign.digest]
    assert [(part.manifest is None, part.image is None) for part in survey.parts] == [
        (False, True),
        (True, True),
        (False, False),
    ]
    del shop.content.blobs[foreign.digest]
    documents.forget()
    with pytest.raises(NotFound, match="^image with reference x was found but does not provide any platform$"):
        await documents.best(index, "x")


async def test_a_nested_index() -> None:
    shop = Shop()
    own = shop.image("a")
    index = shop.index((shop.index((own, AMD64)), None))
    assert (await Documents(shop.content, AMD64).best(index, "x")).descriptor.digest == own.digest


async def test_an_index_that_is_too_deep_or_too_wide() -> None:
    shop = Shop()
    index = shop.index((shop.image("a"), AMD64))
    for _ in range(DEPTH_MAX):
        index = shop.index((index, None))
    with pytest.raises(NotFound, match="any platform"):
        await Documents(shop.content, AMD64).best(index, "x")
    wide = shop.index(*[(target("a"), AMD64)] * (MANIFESTS_MAX + 1))
    for index in (wide, shop.index((wide, None), (wide, None))):
        with pytest.raises(System, match=f"{index.digest} has more than"):
            await Documents(shop.content, AMD64).best(index, "x")


def broken() -> list[tuple[Descriptor, FakeContent]]:
    shop = Shop()
    config = shop.document({}, CONFIG)
    cases = [
        shop.content.put(b"{", MANIFEST),
        shop.content.put(b"[" * 100_000, MANIFEST),
        shop.content.put(b'"\xff"', INDEX),
        shop.content.put(b" " * (5 << 20), INDEX),
        shop.document({"layers": "none"}, MANIFEST),
        shop.document({"manifests": [3]}, INDEX),
        shop.document({}, "text/plain"),
        target("a"),
        Descriptor(media_type=INDEX, digest=target("a").digest, size=1),
        shop.manifest(target("b"), []),
        shop.manifest(shop.content.put(b"[]", CONFIG), [config]),
    ]
    return [(case, shop.content) for case in cases]


@pytest.mark.parametrize(("case", "content"), broken())
async def test_broken_content_is_a_failure_of_the_system(case: Descriptor, content: FakeContent) -> None:
    with pytest.raises(System, match="sha256:"):
        await Documents(content, AMD64).best(case, "x")


async def test_a_cache_that_is_full_forgets_the_oldest() -> None:
    shop = Shop()
    documents = Documents(shop.content, AMD64)
    filler = {"padding": "x" * (3 << 20)}
    images = [shop.image(str(number), extra=filler) for number in range(7)]
    for image in images:
        await documents.best(image, "x")
    calls = shop.content.calls
    await documents.best(images[-1], "x")
    assert shop.content.calls == calls
    await documents.best(images[0], "x")
    assert shop.content.calls == calls + 2
