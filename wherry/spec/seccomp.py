"""Seccomp profiles in Docker's format become the `linux.seccomp` of a spec (start.md 5.5).

A rule holds or not by the container's bounding set, the architecture and the kernel. The built-in profile is
seccomp_default.json beside this file; its evaluation is kept per (capabilities, architecture, kernel), since it is
on the path of nearly every start. What is returned is shared: callers read it and never change it.
"""

import importlib.resources
from functools import lru_cache
from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.spec.facts import EngineFacts
from wherry.spec.security import BUILTIN, UNCONFINED

ARCHITECTURES = {
    "amd64": "SCMP_ARCH_X86_64",
    "arm64": "SCMP_ARCH_AARCH64",
}
"""Go's name to libseccomp's."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """When a rule is in force (`includes`) or not (`excludes`)."""

    arches: list[str] = []
    caps: list[str] = []
    min_kernel: str = ""


class ArchMap(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The architectures that a machine's kernel also runs."""

    architecture: str
    sub_architectures: list[str] | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An action for system calls; the arguments stay as the runtime specification has them."""

    action: str = ""
    name: str = ""
    names: list[str] | None = None
    errno_ret: int | None = None
    args: list[dict[str, Any]] | None = None
    includes: Condition | None = None
    excludes: Condition | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A profile as `docker run --security-opt seccomp=` sends it: JSON text."""

    default_action: str = ""
    default_errno_ret: int | None = None
    architectures: list[str] | None = None
    arch_map: list[ArchMap] | None = None
    flags: list[str] | None = None
    listener_path: str = ""
    listener_metadata: str = ""
    syscalls: list[Rule] | None = None


def build_seccomp(
    wanted: str, privileged: bool, bounding: tuple[str, ...], engine: EngineFacts
) -> dict[str, Any] | None:
    """Return `linux.seccomp`, None for unconfined.

    `wanted` is the container's own choice, empty for none. InvalidParameter for a profile that cannot be read, or
    that this kernel cannot enforce.
    """
    chosen = wanted or (UNCONFINED if privileged else engine.seccomp_profile or BUILTIN)
    if chosen == UNCONFINED:
        return None
    if not engine.seccomp:
        if chosen == BUILTIN:
            return None
        raise InvalidParameter("seccomp is not enabled in your kernel, cannot run a custom seccomp profile")
    if chosen == BUILTIN:
        return builtin(bounding, engine.arch, engine.kernel)
    return evaluate(parse(chosen), bounding, engine.arch, engine.kernel)


@lru_cache(maxsize=64)
def builtin(bounding: tuple[str, ...], arch: str, kernel: tuple[int, int]) -> dict[str, Any] | None:
    """Return the built-in profile evaluated; remembered."""
    text = importlib.resources.files("wherry.spec").joinpath("seccomp_default.json").read_bytes()
    return evaluate(parse(text), bounding, arch, kernel)


def parse(text: str | bytes) -> Profile:
    """Return a profile; InvalidParameter names what is wrong with it."""
    try:
        profile = msgspec.json.decode(text, type=Profile)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidParameter(f"Decoding seccomp profile failed: {error}") from error
    if profile.architectures and profile.arch_map:
        raise _both("architectures", "archMap")
    if any(rule.name and rule.names for rule in profile.syscalls or ()):
        raise _both("name", "names")
    return profile


def _both(one: str, other: str) -> InvalidParameter:
    return InvalidParameter(
        f"both '{one}' and '{other}' are specified in the seccomp profile, use either '{one}' or '{other}'"
    )


def evaluate(profile: Profile, bounding: tuple[str, ...], arch: str, kernel: tuple[int, int]) -> dict[str, Any] | None:
    """Return the rules in force as the runtime specification writes them; None for an empty profile."""
    if not profile.default_action and not profile.syscalls:
        return None
    rules = [_rule(rule) for rule in profile.syscalls or () if _in_force(rule, frozenset(bounding), arch, kernel)]
    return _without_empty(
        {
            "defaultAction": profile.default_action,
            "defaultErrnoRet": profile.default_errno_ret,
            "architectures": profile.architectures or _architectures(profile.arch_map or [], arch),
            "flags": profile.flags,
            "listenerPath": profile.listener_path,
            "listenerMetadata": profile.listener_metadata,
            "syscalls": rules,
        }
    )


def _architectures(table: list[ArchMap], arch: str) -> list[str]:
    native = ARCHITECTURES.get(arch)
    for entry in table:
        if entry.architecture == native:
            return [native, *(entry.sub_architectures or ())]
    return []


def _rule(rule: Rule) -> dict[str, Any]:
    return _without_empty(
        {
            "names": [rule.name] if rule.name else rule.names,
            "action": rule.action,
            "errnoRet": rule.errno_ret,
            "args": rule.args,
        }
    )


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None and value not in ("", [])}


def _in_force(rule: Rule, caps: frozenset[str], arch: str, kernel: tuple[int, int]) -> bool:
    return _included(rule.includes or Condition(), caps, arch, kernel) and not _excluded(
        rule.excludes or Condition(), caps, arch, kernel
    )


def _included(when: Condition, caps: frozenset[str], arch: str, kernel: tuple[int, int]) -> bool:
    """All that is named must hold."""
    if when.arches and arch not in when.arches:
        return False
    if when.min_kernel and kernel < _version(when.min_kernel):
        return False
    return caps.issuperset(when.caps)


def _excluded(when: Condition, caps: frozenset[str], arch: str, kernel: tuple[int, int]) -> bool:
    """Any of what is named is enough."""
    if arch in when.arches or not caps.isdisjoint(when.caps):
        return True
    return bool(when.min_kernel) and kernel >= _version(when.min_kernel)


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    try:
        return int(major), int(minor)
    except ValueError as error:
        raise InvalidParameter(
            f'Decoding seccomp profile failed: invalid kernel version "{text}", expected "<kernel>.<major>"'
        ) from error
