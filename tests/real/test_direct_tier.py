"""The direct tier on real keepers with a real crun and runc: the suite that shims pass (tests/tier_conformance.py)."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.real.box import Box
from tests.real.bundles import Bundles
from tests.tier_conformance import IDENT, TierConformance
from tests.unit.load_fakes import FakeContent
from tests.unit.streams_harness import Engine, engine
from wherry.base.offload import offload
from wherry.host.groups import Groups
from wherry.runtimes.criu import CriuTars
from wherry.runtimes.direct import Direct
from wherry.runtimes.registry import Runtime

INSIDE = '#!/bin/sh\nexec nsenter -m -t {pid} -- {program} "$@"\n'
"""The runtime in the mounts of a box, where only cgroup v1 is: crun refuses the hybrid mode."""


class DirectBench(Bundles):
    """A keeper per run, as the engine has it."""

    def __init__(self, it: Engine, root: Path, program: str) -> None:
        super().__init__(root / "rootfs")
        self._it = it
        self._generation = 0
        self.runtime = Runtime("test", "", program=program, command=program, direct_root=str(root / "state"))
        keepers = it.keepers
        tars = CriuTars(FakeContent(), str(root / "spool"))
        self.tier = Direct(keepers.of, keepers.runs, self._run, Groups(), lambda path: path, os.environ, tars)

    def spec(self) -> dict[str, Any]:
        made = super().spec()
        return made | {"linux": made["linux"] | {"cgroupsPath": f"/direct-{IDENT}"}}

    async def make_streams(self, ident: str, exec_id: str = "") -> None:
        if exec_id:
            keeper = self._it.keepers.of(ident)
            assert keeper is not None
            await keeper.open_exec(exec_id, False, False)
            return
        self._generation += 1
        keeper = await self._it.keepers.fork(ident, self._generation, self._it.target)
        await keeper.open(False, False, parent=True)

    async def _run(self, argv: list[str], environ: Mapping[str, str]) -> None:
        await offload(subprocess.run, argv, env=dict(environ), check=True)


@pytest.fixture(scope="module")
def legacy() -> Iterator[Box]:
    with Box() as box:
        box.run("umount", "-l", "/sys/fs/cgroup/unified")
        yield box


@pytest.mark.parametrize("program", ["crun", "runc"])
class TestRealDirect(TierConformance):
    """In a directory of its own, without any daemon."""

    @pytest.fixture
    async def bench(self, legacy: Box, tmp_path: Path, program: str) -> AsyncIterator[DirectBench]:
        inside = tmp_path / program
        inside.write_text(INSIDE.format(pid=legacy.pid, program=program))
        inside.chmod(0o755)
        (tmp_path / "run").mkdir()
        async with engine(tmp_path / "run") as it:
            made = DirectBench(it, tmp_path, str(inside))
            try:
                yield made
            finally:
                await made.tier.delete(IDENT)
