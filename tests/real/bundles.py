"""Bundles for the suite of the tiers: containers of one busybox."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from wherry.main.demo import find_busybox

SPEC = 'd=$(mktemp -d) && runc spec -b "$d" && cat "$d/config.json" && rm -r "$d"'


class Bundles:
    """Containers whose shells read the code to exit with from fifos in their root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in ("bin", "proc", "dev", "sys"):
            (root / name).mkdir(parents=True)
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
