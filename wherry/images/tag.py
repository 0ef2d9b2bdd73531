"""Giving an image one more name (images.md 8)."""

from dataclasses import replace

from wherry.base import refs
from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.base.tasks import finish
from wherry.containerd.images import Images
from wherry.images.filters import labels_of
from wherry.images.manifests import Documents
from wherry.images.names import Names
from wherry.images.resolve import find
from wherry.model.image import Descriptor

ALGORITHM = "sha256"


class Tag:
    """The verb."""

    def __init__(self, images: Images, documents: Documents, names: Names) -> None:
        """Take the records, who reads documents, and who changes names."""
        self._images = images
        self._documents = documents
        self._names = names

    async def __call__(self, ref: str, repo: str, tag: str) -> None:
        """Name an image; InvalidParameter and NotFound in Docker's words. Runs to its end once begun."""
        await finish(self._tag(ref, read_target(repo, tag)))

    async def _tag(self, ref: str, wanted: refs.Reference) -> None:
        # The lock from before the look-up on: nobody may remove the image's last name before it has the new one.
        async with self._names.lock:
            record = await find(self._images, ref)
            await self._names.move(wanted.canonical, record.target, record.labels)
        labels = await self._labels(record.target, ref)
        self._names.announce("tag", record.target.digest, wanted.familiar, labels)

    async def _labels(self, target: Descriptor, ref: str) -> dict[str, str]:
        """Return the labels that the event shows; none if the config is absent or broken."""
        try:
            return labels_of((await self._documents.best(target, ref)).config)
        except (NotFound, System):
            return {}


def read_target(repo: str, tag: str) -> refs.Reference:
    """Return the name to give; a tag of its own replaces the one in `repo`. InvalidParameter in Docker's words."""
    ref = refs.parse(repo)
    if ref.digest:
        raise InvalidParameter("cannot import digest reference")
    if tag:
        refs.check_tag(tag)
        ref = replace(ref, tag=tag)
    if ref.familiar_name == ALGORITHM:
        raise InvalidParameter("refusing to create an ambiguous tag using digest algorithm as name")
    return refs.with_default_tag(ref)
