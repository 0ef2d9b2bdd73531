from collections.abc import Sequence

import pytest

from tests.unit.images_fakes import PARENT, Shop
from wherry.base.errors import Conflict, InvalidParameter, NotFound
from wherry.base.events import EventBus
from wherry.images.names import Names
from wherry.images.remove import Remove
from wherry.model.image import Descriptor

A1, A2, B1 = "docker.io/library/a:1", "docker.io/library/a:2", "docker.io/library/b:1"
ID = "c" * 64


class Desk:
    """Removes, and tells what happened."""

    def __init__(self) -> None:
        self.shop, self.bus = Shop(), EventBus()
        self.remove = Remove(self.shop.images, Names(self.shop.images, self.bus), lambda: self.shop.uses)

    def image(self, *names: str, seed: str = "a", labels: dict[str, str] | None = None) -> Descriptor:
        return self.shop.name(self.shop.image(seed), *names, labels=labels)

    async def __call__(self, ref: str, force: bool = False, prune: bool = True) -> list[dict[str, str]]:
        said = await self.remove(ref, force, prune)
        told = [(e.action, e.actor.attributes["name"]) for e in self.bus.past(lambda e: e.kind == "image")]
        assert told == [
            ({"Untagged": "untag", "Deleted": "delete"}[key], v) for item in said for key, v in item.items()
        ]
        return said

    async def refuses(self, ref: str, said: str, force: bool = False) -> None:
        before = dict(self.shop.images.records)
        with pytest.raises(Conflict) as caught:
            await self.remove(ref, force, True)
        assert str(caught.value) == said
        assert self.shop.images.records == before
        assert self.bus.past(lambda _: True) == []


def untagged(*names: str) -> list[dict[str, str]]:
    return [{"Untagged": name} for name in names]


def short(target: Descriptor) -> str:
    return target.digest[7:19]


async def test_the_only_name() -> None:
    desk = Desk()
    target = desk.image(A1)
    assert await desk("a:1") == [*untagged("a:1"), {"Deleted": target.digest}]
    assert desk.shop.names == set()
    assert desk.shop.images.syncs == [A1]


@pytest.mark.parametrize("force", [False, True])
async def test_one_name_of_several(force: bool) -> None:
    desk = Desk()
    target = desk.image(A1, A2, B1)
    desk.shop.use(target, ID, running=True)
    assert await desk("a:1", force) == untagged("a:1")
    assert desk.shop.names == {A2, B1}
    assert desk.shop.images.syncs == []


async def test_a_name_goes_with_its_digests() -> None:
    desk = Desk()
    target = desk.image(A1)
    desk.shop.name(target, f"docker.io/library/a@{target.digest}", "")
    said = await desk("a:1")
    assert said == [*untagged("a:1", f"a@{target.digest}"), {"Deleted": target.digest}]
    assert desk.shop.names == set()
    assert len(desk.shop.images.syncs) == 1


async def test_a_name_leaves_the_digests_to_another_tag() -> None:
    desk = Desk()
    target = desk.image(A1, A2)
    alias = f"docker.io/library/a@{target.digest}"
    desk.shop.name(target, alias)
    assert await desk("a:1") == untagged("a:1")
    assert desk.shop.names == {A2, alias}


@pytest.mark.parametrize("stored", [False, True])
async def test_a_digest_means_every_tag_of_its_repository(stored: bool) -> None:
    desk = Desk()
    target = desk.image(A1, A2, B1)
    alias = f"a@{target.digest}"
    if stored:
        desk.shop.name(target, f"docker.io/library/{alias}")
    assert await desk(alias) == untagged("a:1", "a:2", *([alias] if stored else []))
    assert desk.shop.names == {B1}


async def test_a_digest_of_the_only_repository() -> None:
    desk = Desk()
    target = desk.image(A1, A2)
    assert await desk(f"a@{target.digest}") == [*untagged("a:1", "a:2"), {"Deleted": target.digest}]


@pytest.mark.parametrize("running", [False, True])
async def test_the_last_name_of_an_image_in_use(running: bool) -> None:
    desk = Desk()
    target = desk.image(A1)
    desk.shop.use(target, ID, running)
    await desk.refuses(
        "a:1",
        f"conflict: unable to delete a:1 (must be forced) - container {ID[:12]} is using its referenced image "
        f"{short(target)}",
    )
    assert await desk("a:1", force=True) == untagged("a:1")
    assert desk.shop.names == {f"moby-dangling@{target.digest}"}


async def test_an_id_takes_the_tags_of_one_name_and_the_dangling_record() -> None:
    desk = Desk()
    target = desk.image("", A1)
    assert await desk(target.digest) == [*untagged("a:1"), {"Deleted": target.digest}]
    assert desk.shop.names == set()


@pytest.mark.parametrize("names", [(A1, B1), (A1, A2)])
async def test_an_id_of_several_names(names: Sequence[str]) -> None:
    desk = Desk()
    target = desk.image(*names)
    for ref in (target.digest, target.digest[7:], short(target), target.digest[:12]):
        await desk.refuses(
            ref,
            f"conflict: unable to delete {short(target)} (must be forced) - image is referenced in multiple "
            "repositories",
        )
    said = await desk(short(target), force=True)
    assert said[-1] == {"Deleted": target.digest}
    assert len(said) == 3
    assert desk.shop.names == set()


async def test_an_id_in_use() -> None:
    desk = Desk()
    target = desk.image(A1, B1)
    desk.shop.use(target, ID)
    await desk.refuses(
        target.digest,
        f"conflict: unable to delete {short(target)} (must be forced) - image is being used by stopped container "
        f"{ID[:12]}",
    )
    desk.shop.use(target, "d" * 64, running=True)
    for force in (False, True):
        await desk.refuses(
            target.digest,
            f"conflict: unable to delete {short(target)} (cannot be forced) - image is being used by running container "
            f"{'d' * 12}",
            force,
        )
    desk.shop.uses.pop()
    assert len(await desk(target.digest, force=True)) == 3


async def test_a_digest_with_a_name_in_use() -> None:
    desk = Desk()
    target = desk.image(A1)
    desk.shop.use(target, ID)
    await desk.refuses(
        f"a@{target.digest}",
        f"conflict: unable to delete {short(target)} (must be forced) - image is being used by stopped container "
        f"{ID[:12]}",
    )


async def test_a_dangling_image() -> None:
    desk = Desk()
    target = desk.image("")
    assert await desk(short(target)) == [{"Deleted": target.digest}]
    assert desk.shop.names == set()


async def test_a_name_of_others_that_is_no_reference() -> None:
    desk = Desk()
    target = desk.image(A1, "Ill Formed")
    assert await desk("a:1") == untagged("a:1")
    assert await Desk.__call__(desk_like(desk), target.digest) == [*untagged("Ill Formed"), {"Deleted": target.digest}]


def desk_like(desk: Desk) -> Desk:
    """The same records, with nothing heard yet."""
    other = Desk()
    other.shop.images.records = desk.shop.images.records
    return other


async def test_what_does_not_exist() -> None:
    desk = Desk()
    target = desk.image(A1)
    for ref, said in {"x": "x:latest", "b@" + target.digest: f"b@{target.digest}", "beef": "beef:latest"}.items():
        with pytest.raises(NotFound, match=f"^No such image: {said}$"):
            await desk.remove(ref, True, True)
    for ref in ("", " "):
        with pytest.raises(InvalidParameter, match="^image name cannot be blank$"):
            await desk.remove(ref, True, True)


async def test_a_name_that_others_remove_meanwhile() -> None:
    desk = Desk()
    target = desk.image(A1)
    desk.shop.images.before["delete"] = desk.shop.images.records.clear
    assert await desk("a:1") == [*untagged("a:1"), {"Deleted": target.digest}]


# Parents, which Docker's classic builder leaves.


def family(desk: Desk) -> tuple[Descriptor, Descriptor, Descriptor]:
    """A named image, its dangling parent, and the dangling parent of that."""
    eldest = desk.image("", seed="eldest")
    parent = desk.image("", seed="parent", labels={PARENT: eldest.digest})
    return desk.image(A1, seed="child", labels={PARENT: parent.digest}), parent, eldest


async def test_dangling_parents_go_too() -> None:
    desk = Desk()
    images = family(desk)
    assert await desk("a:1") == [*untagged("a:1"), *({"Deleted": image.digest} for image in images)]
    assert desk.shop.names == set()
    assert desk.shop.images.syncs == [f"moby-dangling@{images[-1].digest}"]


async def test_parents_stay_when_asked() -> None:
    desk = Desk()
    child, *_ = family(desk)
    assert await desk("a:1", prune=False) == [*untagged("a:1"), {"Deleted": child.digest}]
    assert len(desk.shop.names) == 2
    assert desk.shop.images.syncs == [A1]


@pytest.mark.parametrize("reason", ["used", "named", "gone"])
async def test_parents_stay_from_the_first_that_is_needed(reason: str) -> None:
    desk = Desk()
    child, parent, eldest = family(desk)
    if reason == "used":
        desk.shop.use(eldest, ID)
    elif reason == "named":
        desk.shop.name(eldest, B1)
    else:
        del desk.shop.images.records[f"moby-dangling@{eldest.digest}"]
    assert await desk("a:1") == [*untagged("a:1"), {"Deleted": child.digest}, {"Deleted": parent.digest}]


async def test_parents_in_a_ring() -> None:
    desk = Desk()
    child, parent, _ = family(desk)
    desk.shop.name(parent, "", labels={PARENT: child.digest})
    assert await desk("a:1", force=True) == [
        *untagged("a:1"),
        {"Deleted": child.digest},
        {"Deleted": parent.digest},
    ]


async def test_a_parent_of_others_stays_dangling() -> None:
    desk = Desk()
    parent = desk.image(B1, seed="parent")
    desk.image(A1, labels={PARENT: parent.digest})
    assert await desk("b:1") == untagged("b:1")
    assert desk.shop.names == {A1, f"moby-dangling@{parent.digest}"}
