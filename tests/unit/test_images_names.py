import asyncio
import inspect
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.images_fakes import AMD64, PARENT, FakeContent, FakeImages, FakeSnapshots, Shop
from wherry.base.errors import Conflict, InvalidParameter, NotFound
from wherry.base.events import EventBus
from wherry.base.metrics import Metrics
from wherry.containerd.content import Content
from wherry.containerd.images import Images
from wherry.containerd.snapshots import Snapshots
from wherry.images.hosts import Registries
from wherry.images.manifests import Documents
from wherry.images.names import Names, familiar, parent_of, repo_names
from wherry.images.registry import Registry
from wherry.images.store import ImageStore
from wherry.images.tag import Tag, read_target
from wherry.model.image import Descriptor, Platform

A1, A2, B1 = "docker.io/library/a:1", "docker.io/library/a:2", "docker.io/library/b:1"


def dangling(target: Descriptor) -> str:
    return f"moby-dangling@{target.digest}"


def names_of(shop: Shop) -> Names:
    return Names(shop.images, EventBus())


def test_fakes_have_the_signatures_of_the_real_services() -> None:
    pairs: list[tuple[type, type]] = [(FakeContent, Content), (FakeImages, Images), (FakeSnapshots, Snapshots)]
    for fake, real in pairs:
        for name, method in vars(fake).items():
            if inspect.iscoroutinefunction(method):
                assert inspect.signature(method) == inspect.signature(getattr(real, name)), (fake, name)


async def test_a_new_name() -> None:
    shop, target = Shop(), Shop().image("a")
    await names_of(shop).point(A1, target, "lease")
    assert shop.images.records[A1].target == target
    assert shop.images.leases == ["lease"]


async def test_the_name_it_has_already() -> None:
    shop = Shop()
    target = shop.name(shop.image("a"), A1)
    before = dict(shop.images.records)
    await names_of(shop).point(A1, target)
    assert shop.images.records == before


async def test_a_name_that_moves_leaves_the_old_image_dangling() -> None:
    shop = Shop()
    old, new = shop.image("a"), shop.image("b")
    shop.name(old, A1, labels={"kept": "x", "org.opencontainers.image.ref.name": "1"})
    await names_of(shop).point(A1, new, "lease")
    assert shop.images.records[A1].target == new
    assert shop.images.records[dangling(old)].target == old
    assert shop.images.records[dangling(old)].labels == {"kept": "x"}


async def test_a_name_that_moves_from_an_image_with_others() -> None:
    shop = Shop()
    old, new = shop.name(shop.image("a"), A1, A2), shop.image("b")
    await names_of(shop).point(A1, new)
    assert shop.names == {A1, A2}
    assert shop.images.records[A2].target == old


async def test_a_named_image_is_no_longer_dangling() -> None:
    shop = Shop()
    target = shop.name(shop.image("a"), "")
    await names_of(shop).point(A1, target)
    assert shop.names == {A1}


async def test_an_image_without_a_name_is_dangling() -> None:
    shop = Shop()
    target = shop.image("a")
    for _ in range(2):
        await names_of(shop).point("", target, "lease")
    assert shop.names == {dangling(target)}
    assert shop.images.leases == ["lease"]


async def test_an_image_with_a_name_needs_no_dangling_one() -> None:
    shop = Shop()
    target = shop.name(shop.image("a"), A1)
    await names_of(shop).point("", target)
    assert shop.names == {A1}


async def test_others_change_the_same_name() -> None:
    shop = Shop()
    old, new = shop.name(shop.image("a"), A1), shop.image("b")
    # Gone between the failed creation and the look at it, then back, then gone before the update.
    shop.images.before["get"] = lambda: shop.images.records.pop(A1)
    shop.images.before["update"] = lambda: shop.images.records.pop(A1)
    await names_of(shop).point(A1, new)
    assert shop.images.records[A1].target == new
    assert old.digest != new.digest


async def test_others_who_do_not_stop() -> None:
    shop = Shop()
    shop.name(shop.image("a"), A1)

    def put() -> None:
        shop.name(shop.image("a"), A1)
        shop.images.before["get"] = drop

    def drop() -> None:
        shop.images.records.clear()
        shop.images.before["create"] = put

    shop.images.before["get"] = drop
    with pytest.raises(Conflict, match=A1):
        await names_of(shop).point(A1, shop.image("b"))


async def test_two_last_names_that_move_at_once_leave_the_image_dangling() -> None:
    shop = Shop()
    old, new = shop.name(shop.image("a"), A1, A2), shop.image("b")
    names = names_of(shop)
    await asyncio.gather(names.point(A1, new), names.point(A2, new))
    assert shop.images.records[dangling(old)].target == old


async def test_what_a_cancelled_caller_began_is_ended() -> None:
    shop = Shop()
    old, new = shop.name(shop.image("a"), A1), shop.image("b")
    task = asyncio.ensure_future(names_of(shop).point(A1, new))
    shop.images.before["update"] = task.cancel
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shop.images.records[A1].target == new
    assert dangling(old) in shop.names


def test_how_names_are_shown() -> None:
    shop = Shop()
    digest = shop.name(
        shop.image("a"), A1, "", "docker.io/library/a:2", "reg.io:5000/c/d:1", "Ill Formed", "a:1"
    ).digest
    shop.name(shop.image("a"), f"docker.io/library/e@{digest}")
    tags, digests = repo_names(shop.images.records.values())
    assert tags == ["a:1", "a:2", "reg.io:5000/c/d:1", "Ill Formed", f"e@{digest}"]
    assert digests == [f"a@{digest}", f"reg.io:5000/c/d@{digest}", f"e@{digest}"]
    assert familiar("docker.io/me/a:1") == "me/a:1"


def test_the_parent() -> None:
    shop = Shop()
    shop.name(shop.image("a"), A1)
    shop.name(shop.image("a"), A2, labels={PARENT: "sha256:1"})
    assert parent_of(shop.images.records.values()) == "sha256:1"
    assert parent_of([]) == ""


# The verb tag.


def tag_of(shop: Shop, bus: EventBus) -> Tag:
    documents = Documents(shop.content, Platform(os="linux", architecture="amd64"))
    return Tag(shop.images, documents, Names(shop.images, bus))


async def test_tag() -> None:
    shop, bus = Shop(), EventBus()
    target = shop.name(shop.image("a", config={"Labels": {"l": "1", "odd": 2}}), "", labels={"copied": "x"})
    await tag_of(shop, bus)(target.digest, "b", "1")
    assert shop.names == {B1}
    assert shop.images.records[B1].labels == {"copied": "x"}
    (event,) = bus.past(lambda _: True)
    assert (event.kind, event.action, event.actor.ident) == ("image", "tag", target.digest)
    assert event.actor.attributes == {"l": "1", "name": "b:1"}
    await tag_of(shop, bus)("b:1", "b:1", "")
    assert len(bus.past(lambda _: True)) == 2


async def test_tag_of_an_image_whose_content_is_absent() -> None:
    shop, bus = Shop(), EventBus()
    shop.name(shop.image("a"), A1)
    shop.content.blobs.clear()
    await tag_of(shop, bus)("a:1", "b:1", "")
    assert bus.past(lambda _: True)[0].actor.attributes == {"name": "b:1"}


async def test_tag_of_nothing_says_so_after_the_target_was_read() -> None:
    with pytest.raises(NotFound, match="^No such image: x:latest$"):
        await tag_of(Shop(), EventBus())("x", "b", "")
    with pytest.raises(InvalidParameter):
        await tag_of(Shop(), EventBus())("x", "B", "")


@pytest.mark.parametrize(
    ("repo", "tag", "canonical"),
    [
        ("a", "", "docker.io/library/a:latest"),
        ("a", "2", "docker.io/library/a:2"),
        ("a:1", "2", "docker.io/library/a:2"),
        ("a:1", "", "docker.io/library/a:1"),
        ("reg.io/sha256", "", "reg.io/sha256:latest"),
    ],
)
def test_targets(repo: str, tag: str, canonical: str) -> None:
    assert read_target(repo, tag).canonical == canonical


@pytest.mark.parametrize(
    ("repo", "tag", "said"),
    [
        ("", "", "invalid reference format"),
        ("a", "b c", "invalid tag format"),
        ("a@sha256:" + "1" * 64, "", "cannot import digest reference"),
        ("sha256", "1234", "refusing to create an ambiguous tag using digest algorithm as name"),
    ],
)
def test_broken_targets(repo: str, tag: str, said: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{said}$"):
        read_target(repo, tag)


# The store.


def store_of(shop: Shop) -> ImageStore:
    nothing: Any = None
    return ImageStore(
        shop.content,
        shop.images,
        shop.snapshots,
        nothing,
        nothing,
        EventBus(),
        lambda: shop.uses,
        "/nowhere",
        {},
        Registry(Registries()),
        1,
        Metrics().image_actions,
    )


async def test_what_containers_ask() -> None:
    shop = Shop()
    target = shop.name(shop.image("a"), A1, A2)
    other = shop.name(shop.image("b"), B1)
    store = store_of(shop)
    assert await store.count() == 2
    asked = ["a:1", "a:3", "", "Not Valid", "b:1", target.digest[7:19], ""]
    assert await store.ids(asked) == {"a:1": target.digest, "b:1": other.digest, target.digest[7:19]: target.digest}
    image = await store.resolve("a:2")
    assert (image.target, image.manifest.digest, image.names) == (target, target.digest, (A2,))
    assert image.manifest == replace(target, platform=AMD64)
    assert shop.snapshots.sizes[image.chain_id] == 200


async def test_an_image_that_goes_while_it_is_resolved() -> None:
    shop = Shop()
    shop.name(shop.image("a"), A1)
    shop.content.blobs.clear()
    shop.images.before["get"] = lambda: shop.images.before.update(get=shop.images.records.clear)
    with pytest.raises(NotFound, match="^No such image: a:1$"):
        await store_of(shop).resolve("a:1")


async def test_a_removal_makes_the_store_look_again() -> None:
    shop = Shop()
    store = store_of(shop)
    target = shop.name(shop.image("a"), A1)
    await store.resolve("a:1")
    assert await store.remove("a:1", force=False, prune=True) == [{"Untagged": "a:1"}, {"Deleted": target.digest}]
    calls = shop.content.calls
    shop.name(target, A1)
    await store.resolve("a:1")
    assert shop.content.calls == calls + 2


async def test_an_image_without_layers() -> None:
    shop = Shop()
    config = shop.document({"rootfs": {"type": "layers", "diff_ids": None}}, "application/vnd.oci.image.config.v1+json")
    shop.name(shop.manifest(config, []), A1)
    assert (await store_of(shop).resolve("a:1")).chain_id == ""
