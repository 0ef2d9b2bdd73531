"""Whether an image fits the platform asked for and the host (api-containers.md 3.1 warnings, 3.2)."""

from wherry.base.errors import NotFound
from wherry.model.image import Platform


def check_platform(ref: str, image: Platform, wanted: Platform | None, host: Platform) -> list[str]:
    """Return the warning for an image that is not for this host; NotFound when it is not the platform asked for."""
    if wanted is not None:
        if not _fits(image, wanted):
            raise NotFound(
                f"image with reference {ref} was found but does not provide the specified platform ({_show(wanted)})"
            )
        return []
    if _fits(image, host):
        return []
    return [
        f"The requested image's platform ({_show(image)}) does not match the detected host platform ({_show(host)}) "
        "and no specific platform was requested"
    ]


def _fits(image: Platform, wanted: Platform) -> bool:
    same = (image.os, image.architecture) == (wanted.os, wanted.architecture)
    return same and (not image.variant or not wanted.variant or image.variant == wanted.variant)


def _show(platform: Platform) -> str:
    return "/".join(filter(None, (platform.os, platform.architecture, platform.variant)))
