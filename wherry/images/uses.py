"""Who uses an image, as the rooms above tell it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageUse:
    """A container: the target digest it was made from and the reference as its user typed it."""

    container_id: str
    image_id: str
    image_ref: str
    running: bool


InUse = Callable[[], list[ImageUse]]
