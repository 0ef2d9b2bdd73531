"""Removing a name or an image (images.md 9): a pure decision by the records of a moment, then what it says."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from wherry.base import refs
from wherry.base.errors import Conflict, InvalidParameter, NotFound
from wherry.base.ids import short
from wherry.base.tasks import finish
from wherry.containerd.images import ImageRecord, Images
from wherry.images.names import Names, familiar, is_dangling, parent_of, parse_stored
from wherry.images.resolve import Catalog, Wanted, read
from wherry.images.uses import ImageUse, InUse

Items = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: which names go, whether the image goes with them, and which dangling parents after it."""

    untag: Sequence[ImageRecord]
    deletes: bool
    parents: Sequence[ImageRecord] = ()


class Remove:
    """The verb."""

    def __init__(self, images: Images, names: Names, in_use: InUse) -> None:
        """Take the records, who changes names, and who tells the containers."""
        self._images = images
        self._names = names
        self._in_use = in_use

    async def __call__(self, ref: str, force: bool, prune: bool) -> Items:
        """Remove; InvalidParameter, NotFound and Conflict in Docker's words. Runs to its end once begun."""
        if not ref.strip():
            raise InvalidParameter("image name cannot be blank")
        return await finish(self._remove(read(ref), force, prune))

    async def _remove(self, wanted: Wanted, force: bool, prune: bool) -> Items:
        async with self._names.lock:
            plan = decide(wanted, Catalog(await self._images.list()), self._in_use(), force)
            return await self._carry_out(plan, prune)

    async def _carry_out(self, plan: Plan, prune: bool) -> Items:
        parents = plan.parents if prune and plan.deletes else ()
        doomed = [*plan.untag, *parents]
        gone: Items = []
        for record in plan.untag:
            # The collector is waited for once, at the end.
            if not plan.deletes:
                await self._names.retire(record)
            else:
                await self._delete(record, sync=record is doomed[-1])
            if not is_dangling(record):
                gone.append({"Untagged": familiar(record.name)})
                self._names.announce("untag", record.target.digest, familiar(record.name))
        if plan.deletes:
            gone.append(self._deleted(plan.untag[0]))
        for record in parents:
            await self._delete(record, sync=record is doomed[-1])
            gone.append(self._deleted(record))
        return gone

    async def _delete(self, record: ImageRecord, sync: bool) -> None:
        with suppress(NotFound):
            await self._images.delete(record.name, sync)

    def _deleted(self, record: ImageRecord) -> dict[str, str]:
        digest = record.target.digest
        self._names.announce("delete", digest, digest)
        return {"Deleted": digest}


def decide(wanted: Wanted, catalog: Catalog, uses: Sequence[ImageUse], force: bool) -> Plan:
    """Return what to do; pure. NotFound and Conflict in Docker's words."""
    record = wanted.pick(catalog)
    records = catalog.by_target[record.target.digest]
    ident = record.target.digest.partition(":")[2]
    using = [use for use in uses if use.image_id == record.target.digest]
    ref = _named(wanted, record, ident)
    same = same_names(ref, records)
    if ref is not None and len(same) < len(records):
        return Plan(same, deletes=False)
    if ref is not None and record.name == ref.canonical and using:
        if force:
            return Plan([record], deletes=False)
        text = f"container {short(using[0].container_id)} is using its referenced image {short(ident)}"
        raise _conflict(ref.familiar, "must be forced", text)
    _check(ident, using, force, apart=len(same) < len(records))
    if len(records) == 1 and not force and not is_dangling(record) and _has_children(record, catalog):
        return Plan(records, deletes=False)
    used = {use.image_id for use in uses}
    return Plan(records, deletes=True, parents=_dangling_parents(record.target.digest, catalog, used))


def _named(wanted: Wanted, record: ImageRecord, ident: str) -> refs.Reference | None:
    """Return the name that is to go; None if the text is an id, or the beginning of the image's own."""
    if wanted.ref is None or (wanted.prefix and ident.startswith(wanted.prefix)):
        return None
    return wanted.ref


def same_names(ref: refs.Reference | None, records: Sequence[ImageRecord]) -> list[ImageRecord]:
    """Return the records of one target that go with a name: itself, and its repository's digests if no tag remains.

    A name that is a digest means every tag of its repository. None means the first name. Dangling records always go.
    """
    every = ref is not None and not ref.tag
    tag = "" if ref is None else ref.tag
    repository = None if ref is None else ref.name
    same: list[ImageRecord] = []
    by_digest: list[ImageRecord] = []
    others = False
    for record in records:
        stored = parse_stored(record.name)
        if is_dangling(record) or (stored is None and ref is None):
            same.append(record)
        elif stored is not None and repository in (None, stored.name):
            repository, tag = stored.name, tag or stored.tag
            if not stored.tag and not every:
                by_digest.append(record)
            elif every or stored.tag == tag:
                same.append(record)
            else:
                others = True
    return same if others else same + by_digest


def _check(ident: str, using: Sequence[ImageUse], force: bool, apart: bool) -> None:
    """Raise Conflict for what stands against removing an image with all its names."""
    for use in using:
        if use.running:
            text = f"image is being used by running container {short(use.container_id)}"
            raise _conflict(short(ident), "cannot be forced", text)
    if force:
        return
    for use in using:
        text = f"image is being used by stopped container {short(use.container_id)}"
        raise _conflict(short(ident), "must be forced", text)
    if apart:
        raise _conflict(short(ident), "must be forced", "image is referenced in multiple repositories")


def _conflict(what: str, how: str, why: str) -> Conflict:
    return Conflict(f"conflict: unable to delete {what} ({how}) - {why}")


def _has_children(record: ImageRecord, catalog: Catalog) -> bool:
    return any(parent_of([other]) == record.target.digest for other in catalog.by_name.values())


def _dangling_parents(digest: str, catalog: Catalog, used: set[str]) -> list[ImageRecord]:
    """Return the parents that nothing else needs, nearest first: up to one that has a name or is used."""
    found: list[ImageRecord] = []
    seen = {digest}
    parent = parent_of(catalog.by_target[digest])
    while parent not in seen | used | {""}:
        seen.add(parent)
        records = catalog.by_target.get(parent, [])
        if len(records) != 1 or not is_dangling(records[0]):
            break
        found += records
        parent = parent_of(records)
    return found
