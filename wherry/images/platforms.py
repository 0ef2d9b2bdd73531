"""Platforms of images: what a client asks for in either form, what fits, and how it is written (images.md 5)."""

import platform
import re

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.host.facts import GO_ARCHITECTURES
from wherry.model.image import Platform

SYNONYMS = {
    ("amd64", "v1"): ("amd64", ""),
    ("arm64", "8"): ("arm64", ""),
    ("arm64", "v8"): ("arm64", ""),
    ("arm", ""): ("arm", "v7"),
    ("arm", "7"): ("arm", "v7"),
}
NAMES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}

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


def host_platform() -> Platform:
    """Return what this machine runs, without a variant."""
    machine = platform.machine()
    return Platform(os="linux", architecture=GO_ARCHITECTURES.get(machine, machine))


def read_platform(text: str) -> Platform | None:
    """Return the platform in a query's JSON object, None for no text; InvalidParameter in Docker's words."""
    if not text:
        return None
    try:
        wanted = msgspec.json.decode(text, type=Platform)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InvalidParameter(f"failed to parse platform: {error}") from error
    if wanted.os and wanted.architecture:
        return wanted
    if not wanted.os and not wanted.architecture and (wanted.variant or wanted.os_version):
        raise InvalidParameter("optional platform fields provided, but OS and Architecture are missing")
    raise InvalidParameter("both OS and Architecture must be provided")


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


def fits(offered: Platform, wanted: Platform) -> bool:
    """Tell whether an image of one platform is what another asks for; without a variant any will do."""
    have, want = normal(offered), normal(wanted)
    same = (have.os, have.architecture) == (want.os, want.architecture)
    return same and (not wanted.variant or have.variant == want.variant)


def normal(found: Platform) -> Platform:
    """Return the platform in the one of its spellings that is compared."""
    architecture = found.architecture.lower()
    pair = (NAMES.get(architecture, architecture), found.variant.lower())
    architecture, variant = SYNONYMS.get(pair, pair)
    return msgspec.structs.replace(found, os=found.os.lower(), architecture=architecture, variant=variant)


def show(found: Platform) -> str:
    """Write a platform: `linux/arm64/v8`."""
    return "/".join(filter(None, (found.os, found.architecture, found.variant)))
