"""Who uses an image, as the rooms above tell it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageUse:
    """A container: the target and the manifest it was made from, and the reference as its user typed it."""

    container_id: str
    image_id: str
    """Digest of the target."""
    image_ref: str
    running: bool
    manifest_digest: str


InUse = Callable[[], list[ImageUse]]


def by_manifest(uses: Iterable[ImageUse]) -> dict[str, list[str]]:
    """Return the ids of the containers made from each manifest."""
    found: dict[str, list[str]] = defaultdict(list)
    for use in uses:
        found[use.manifest_digest].append(use.container_id)
    return found
