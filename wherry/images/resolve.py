"""From what a user typed to an image: a digest, a name, or the beginning of an id, in Docker's order (images.md 2)."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from wherry.base import refs
from wherry.base.errors import NotFound
from wherry.containerd.images import ImageRecord, Images
from wherry.images.names import parse_stored

PREFIX = re.compile(r"(?:sha256:)?([a-f0-9]{4,64})")
ALGORITHM = "sha256:"


class Catalog:
    """The records of a moment, by name and by target."""

    def __init__(self, records: Iterable[ImageRecord]) -> None:
        """Sort the records."""
        self.by_name: dict[str, ImageRecord] = {}
        self.by_target: dict[str, list[ImageRecord]] = defaultdict(list)
        for record in records:
            self.by_name[record.name] = record
            self.by_target[record.target.digest].append(record)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text may mean: a digest, a name with tag or digest, and besides a name the beginning of an id."""

    ref: refs.Reference | None
    digest: str
    prefix: str

    @property
    def shown(self) -> str:
        """How messages call it."""
        return self.digest if self.ref is None else self.ref.familiar

    @property
    def filters(self) -> list[str]:
        """Containerd's filters for every record that `pick` may need, when the name has none."""
        if self.digest:
            return [f"target.digest=={self.digest}"]
        return [f"target.digest~={json.dumps(f'^{ALGORITHM}{self.prefix}')}"]

    def pick(self, catalog: Catalog) -> ImageRecord:
        """Return the record that is meant; NotFound in Docker's words."""
        if self.ref is not None and not self.digest:
            return catalog.by_name.get(self.ref.canonical) or self._by_prefix(catalog)
        for record in catalog.by_target.get(self.digest, ()):
            stored = parse_stored(record.name)
            if self.ref is None or (stored is not None and stored.name == self.ref.name):
                return record
        raise self.missing()

    def missing(self) -> NotFound:
        """Return the error for what does not exist."""
        return NotFound(f"No such image: {self.shown}")

    def _by_prefix(self, catalog: Catalog) -> ImageRecord:
        whole = ALGORITHM + self.prefix
        found = [digest for digest in catalog.by_target if digest.startswith(whole)] if self.prefix else []
        if not found:
            raise self.missing()
        if len(found) > 1:
            raise NotFound("ambiguous reference")
        return catalog.by_target[found[0]][0]


def read(text: str) -> Wanted:
    """Return what a text may mean; InvalidParameter in Docker's words if it can be no reference."""
    if refs.IDENTIFIER.fullmatch(text):
        text = ALGORITHM + text
    if refs.is_digest(text):
        return Wanted(None, text, "")
    ref = refs.with_default_tag(refs.parse(text))
    prefix = PREFIX.fullmatch(text)
    return Wanted(ref, ref.digest, prefix[1] if prefix else "")


async def find(images: Images, text: str) -> ImageRecord:
    """Return the image that a text means, with one call unless it is the beginning of an id; the errors of `read`."""
    wanted = read(text)
    if wanted.ref is not None and not wanted.digest:
        try:
            return await images.get(wanted.ref.canonical)
        except NotFound as error:
            if not wanted.prefix:
                raise wanted.missing() from error
    return wanted.pick(Catalog(await images.list(wanted.filters)))
