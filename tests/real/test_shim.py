"""The shim tier of a real containerd: the suite that the fake passes too (tests/tier_conformance.py)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.real.bundles import Bundles
from tests.real.engine import Engine
from tests.tier_conformance import IDENT, TierConformance
from wherry.containerd.channel import Channel
from wherry.containerd.containers import Containers
from wherry.containerd.tasks import Tasks
from wherry.runtimes.registry import Runtime
from wherry.runtimes.shim import Shim

NAMESPACE = "conformance"
RUNTIME = Runtime("runc", "io.containerd.runc.v2")


class RealBench(Bundles):
    """Containers of one busybox with the shim of a real containerd."""

    def __init__(self, shim: Shim, root: Path) -> None:
        super().__init__(root)
        self.tier, self.runtime = shim, RUNTIME

    async def make_streams(self, ident: str, exec_id: str = "") -> None:
        """There are none: PIPES are empty."""


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
