"""The shim tier of a real containerd: the suite that the fake passes too (tests/tier_conformance.py)."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.engine import Engine
from tests.tier_conformance import IDENT, TierConformance
from wherry.containerd.channel import Channel
from wherry.containerd.containers import Containers
from wherry.containerd.tasks import Tasks
from wherry.main.demo import find_busybox
from wherry.runtimes.registry import Runtime
from wherry.runtimes.shim import Shim

SPEC = 'd=$(mktemp -d) && runc spec -b "$d" && cat "$d/config.json" && rm -r "$d"'
NAMESPACE = "conformance"
RUNTIME = Runtime("runc", "io.containerd.runc.v2")


class RealBench:
    """Containers of one busybox, whose shells read the code to exit with from fifos in their root."""

    def __init__(self, shim: Shim, root: Path) -> None:
        self.shim, self.runtime = shim, RUNTIME
        self._root = root
        (root / "bin").mkdir()
        (root / "proc").mkdir()
        (root / "dev").mkdir()
        shutil.copy(find_busybox(), root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        for name in ("first", "e1", "e2"):
            os.mkfifo(root / name)

    def spec(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(subprocess.check_output(["sh", "-c", SPEC], text=True))
        return made | {"process": self._process("first"), "root": {"path": str(self._root)}}

    def process(self) -> bytes:
        return json.dumps(self._process("e1")).encode()

    @staticmethod
    def _process(fifo: str) -> dict[str, Any]:
        user = {"uid": 0, "gid": 0}
        return {"args": ["/bin/sh", "-c", f"read code < /{fifo}; exit $code"], "cwd": "/", "user": user, "env": []}

    async def end(self, ident: str, code: int, exec_id: str = "") -> None:
        await asyncio.to_thread((self._root / (exec_id or "first")).write_text, f"{code}\n")


class TestRealShim(TierConformance):
    """On the containerd of an engine, in a namespace of its own."""

    @pytest.fixture
    async def bench(self, engine: Engine, tmp_path: Path) -> AsyncIterator[RealBench]:
        channel = Channel(str(engine.exec / "containerd" / "containerd.sock"), NAMESPACE)
        await channel.open(10.0)
        shim = Shim(Containers(channel), Tasks(channel), {})
        try:
            yield RealBench(shim, tmp_path)
        finally:
            await shim.delete(IDENT)
            await channel.close()
