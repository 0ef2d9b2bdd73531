"""Device nodes and what the device cgroup allows (start.md 5.1, 5.3, 5.8)."""

import re
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.model.container import HostConfig
from wherry.spec.facts import Device, Facts, UserIds

RULE = re.compile(r"([acb]) ([0-9]{1,10}|\*):([0-9]{1,10}|\*) ([rwm]{1,3})")


def _rule(allow: bool, kind: str, major: int | None, minor: int | None, access: str = "rwm") -> dict[str, Any]:
    """None for any number: it is left out, since crun 1.8 takes the -1 that Docker writes for a number."""
    numbers = {name: number for name, number in (("major", major), ("minor", minor)) if number is not None}
    return {"allow": allow, "type": kind, **numbers, "access": access}


ALLOWED = ((1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1))
"""zero, null, urandom, random, tty, console."""
FUSE = (10, 229)

DEFAULT_RULES: tuple[dict[str, Any], ...] = (
    {"allow": False, "access": "rwm"},
    *(_rule(True, "c", major, minor) for major, minor in ALLOWED),
    _rule(False, "c", *FUSE),
)


def build_devices(facts: Facts) -> list[dict[str, Any]]:
    """Return `linux.devices`: the nodes that the runtime makes; one of CDI replaces another on its path."""
    injected = {device.path: device for device in facts.cdi_devices}
    kept = [device for device in facts.devices if device.path not in injected]
    return [_node(device, facts.user) for device in (*kept, *injected.values())]


def _node(device: Device, user: UserIds) -> dict[str, Any]:
    node = {
        "path": device.path,
        "type": device.kind,
        "major": device.major,
        "minor": device.minor,
        "fileMode": device.mode,
        "uid": user.uid if device.uid is None else device.uid,
        "gid": user.gid if device.gid is None else device.gid,
    }
    return {key: value for key, value in node.items() if value is not None}


def build_rules(host_config: HostConfig, facts: Facts) -> list[dict[str, Any]]:
    """Return `linux.resources.devices`, later rules winning; InvalidParameter for a malformed DeviceCgroupRules."""
    injected = [_allow(device) for device in facts.cdi_devices if device.kind in ("b", "c")]
    if host_config.privileged:
        return [*DEFAULT_RULES, {"allow": True, "access": "rwm"}, *injected]
    return [
        *DEFAULT_RULES,
        *(_allow(device) for device in facts.devices),
        *(parse_rule(rule) for rule in host_config.device_cgroup_rules or ()),
        *injected,
    ]


def _allow(device: Device) -> dict[str, Any]:
    return _rule(True, device.kind, device.major, device.minor, device.access)


def parse_rule(text: str) -> dict[str, Any]:
    """Return an allow rule from `type major:minor access`, `*` for any number; InvalidParameter if it is no such."""
    match = RULE.fullmatch(text)
    if match is None:
        raise InvalidParameter(f"invalid device cgroup rule format: '{text}'")
    kind, major, minor, access = match.groups()
    return _rule(True, kind, _number(major), _number(minor), access)


def _number(text: str) -> int | None:
    return None if text == "*" else int(text)
