"""The differences of two answers, each with its place."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

Json = Any
MISSING = object()
SHOWN = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two answers are not the same."""

    place: str
    peer: Json
    ours: Json

    def __str__(self) -> str:
        return f"{self.place}\n    peer: {_show(self.peer)}\n    ours: {_show(self.ours)}"


UNSUPPORTED = 501


def compare_answers(peer: Json, ours: Json, place: str = "") -> Iterator[Difference]:
    """Yield the differences of two answers; that we do not support what the peer does is one, whatever it says."""
    if isinstance(ours, dict) and isinstance(peer, dict) and "status" not in ours and "code" not in ours:
        for step in ours:
            yield from compare_answers(peer[step], ours[step], f"{step}: ")
    elif ours.get("status") == UNSUPPORTED != peer["status"]:
        yield Difference(f"{place}unsupported", peer["body"], ours["body"]["message"])
    else:
        for difference in differences(peer, ours):
            yield replace(difference, place=place + difference.place)


def differences(peer: Json, ours: Json, place: str = "") -> Iterator[Difference]:
    """Yield where two values differ: in keys, JSON types, lengths or values."""
    if isinstance(peer, dict) and isinstance(ours, dict):
        for key in sorted(peer.keys() | ours.keys()):
            yield from differences(peer.get(key, MISSING), ours.get(key, MISSING), f"{place}.{key}" if place else key)
    elif isinstance(peer, list) and isinstance(ours, list):
        if len(peer) != len(ours):
            yield Difference(f"{place}.length", peer, ours)
            return
        for index, pair in enumerate(zip(peer, ours, strict=True)):
            yield from differences(*pair, f"{place}.{index}")
    elif type(peer) is not type(ours) or peer != ours:
        yield Difference(place, peer, ours)


def _show(value: Json) -> str:
    text = "(absent)" if value is MISSING else json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
