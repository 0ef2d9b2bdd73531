"""OCI specs of containers as an engine gave them to containerd, and what makes two of them comparable."""

import asyncio
import json
import re
from typing import Any

from tests.parity.normal import words
from tests.parity.side import Side
from wherry.containerd.channel import Channel
from wherry.containerd.containers import Containers

Json = Any

SETS = ("options", "bounding", "effective", "permitted", "additionalGids", "maskedPaths", "readonlyPaths", "names")
"""Lists whose order means nothing to a runtime."""


def read_spec(side: Side, ident: str) -> Json:
    """Return the spec of a container that runs."""
    address = side.call("GET", "/info")["body"]["Containerd"]["Address"]
    return json.loads(asyncio.run(_read(address, ident)))


async def _read(address: str, ident: str) -> bytes:
    channel = Channel(address, "moby")
    await channel.open()
    try:
        return (await Containers(channel).get(ident)).spec
    finally:
        await channel.close()


def comparable(spec: Json, side: Side, ident: str) -> Json:
    """Return a spec without what must differ: ids, the engine's own paths, and the order of what has none."""
    text = re.sub(ident, "<id>", json.dumps(spec)).replace(ident[:12], "<short id>")
    found = json.loads(text)
    del found["ociVersion"], found["root"]["path"]
    found["mounts"] = {mount["destination"]: _mount(mount, side) for mount in found["mounts"]}
    linux = found["linux"]
    linux["namespaces"] = sorted(space["type"] for space in linux["namespaces"])
    linux["devices"] = {device["path"]: device for device in linux.get("devices", ())}
    linux["resources"]["devices"] = _once(linux["resources"]["devices"])
    if "seccomp" in linux:
        linux["seccomp"]["syscalls"] = _by_name(linux["seccomp"].get("syscalls", []))
    return _without_empty(_sorted(found))


def _once(rules: list[Json]) -> list[Json]:
    """Leave out rules that were there before: dockerd writes its defaults twice."""
    return [rule for at, rule in enumerate(rules) if rule not in rules[:at]]


def _by_name(rules: list[Json]) -> Json:
    """Return what holds for each system call; how calls are put together is the writer's choice."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        rest = json.dumps({key: value for key, value in rule.items() if key != "names"}, sort_keys=True)
        for name in rule["names"]:
            found.setdefault(name, []).append(rest)
    return {name: sorted(set(rests)) for name, rests in found.items()}


def _without_empty(value: Json) -> Json:
    """Leave out what is false or empty: to a runtime the same as not said."""
    if isinstance(value, dict):
        kept = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (False, "", None) and item not in ({}, [])}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _mount(mount: Json, side: Side) -> Json:
    return {**mount, "source": words(mount.get("source", ""), side.roots)}


def _sorted(value: Json, key: str = "") -> Json:
    if isinstance(value, dict):
        return {name: _sorted(item, name) for name, item in value.items()}
    if isinstance(value, list):
        items = [_sorted(item) for item in value]
        return sorted(items) if key in SETS else items
    return value
