"""Platforms of images: what a client asks for in JSON, what fits, and how it is written (images.md 5)."""

import platform

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
