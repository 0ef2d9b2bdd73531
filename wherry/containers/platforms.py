"""Platforms as clients write them, and whether an image fits (api-containers.md 3.1 warnings, 3.2)."""

import re

from wherry.base.errors import InvalidParameter, NotFound
from wherry.model.image import Platform

_COMPONENT = re.compile(r"[A-Za-z0-9_.-]+")
_SYSTEMS = frozenset(("linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "aix", "plan9"))
_ARCHITECTURES = {
    **{
        name: (name, "")
        for name in ("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le", "loong64")
    },
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
}


def parse_platform(text: str, host: Platform) -> Platform | None:
    """Return the platform of `os[/arch[/variant]]`, what is left out being the host's; None for an empty text.

    InvalidParameter in Docker's words.
    """
    if not text:
        return None
    parts = text.lower().split("/")
    for part in parts:
        if not _COMPONENT.fullmatch(part):
            raise InvalidParameter(
                f'"{part}" is an invalid component of "{text}": platform specifier component must match '
                '"^[A-Za-z0-9_.-]+$": invalid argument'
            )
    if len(parts) == 1:
        return _parse_one(parts[0], host)
    architecture, variant = _ARCHITECTURES.get(parts[1], (parts[1], ""))
    if len(parts) > 3:
        raise InvalidParameter(f'"{text}": cannot parse platform specifier: invalid argument')
    return Platform(os=parts[0], architecture=architecture, variant=parts[2] if len(parts) == 3 else variant)


def _parse_one(word: str, host: Platform) -> Platform:
    if word in _SYSTEMS:
        return Platform(os=word, architecture=host.architecture)
    if word in _ARCHITECTURES:
        architecture, variant = _ARCHITECTURES[word]
        return Platform(os=host.os, architecture=architecture, variant=variant)
    raise InvalidParameter(f'"{word}": unknown operating system or architecture: invalid argument')


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
