"""Seccomp filters that a runtime has compiled: kept, since the compiling takes crun 9 to 17 ms of a start of 25.

crun leaves the filter of a container in its state and takes a ready one by an annotation, base64 of the BPF program
(crun(1), run.oci.seccomp_bpf_data). A runtime that leaves none, such as runc, is never given one.
"""

import base64
import contextlib
from collections import OrderedDict
from typing import Any

import msgspec

from wherry.base.offload import offload
from wherry.host.errors import translate

ANNOTATION = "run.oci.seccomp_bpf_data"
FILE = "seccomp.bpf"
MOST = 32
"""Filters kept; the one that was not used for longest goes first. One has about 10 KB."""

Key = tuple[str, bytes]
"""The runtime's program and the profile as JSON: what a filter is compiled by and from."""


class Filters:
    """Filters by program and profile, in memory."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: OrderedDict[Key, str] = OrderedDict()

    def offer(self, program: str, spec: dict[str, Any]) -> Key | None:
        """Add a ready filter to a spec whose profile is known; returns the key under which to learn it otherwise."""
        profile = spec["linux"].get("seccomp")
        if not profile or ANNOTATION in (annotations := spec.get("annotations") or {}):
            return None
        key = (program, msgspec.json.encode(profile))
        if key not in self._known:
            return key
        self._known.move_to_end(key)
        spec["annotations"] = {**annotations, ANNOTATION: self._known[key]}
        return None

    async def learn(self, key: Key, state: str) -> None:
        """Keep what the runtime has left in a container's state directory; nothing there is fine."""
        data = await offload(_read, f"{state}/{FILE}")
        if data:
            self._known[key] = base64.b64encode(data).decode()
            while len(self._known) > MOST:
                self._known.popitem(last=False)


def _read(path: str) -> bytes:
    with translate("read a seccomp filter"), contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read()
    return b""
