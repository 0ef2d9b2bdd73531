"""The fake of the shim tier passes the suite that the real one passes in tests/real/test_shim.py."""

from typing import Any

import pytest

from tests.tier_conformance import TierConformance
from tests.unit.life_fakes import FakeShim


class FakeBench:
    def __init__(self) -> None:
        self.tier: Any = FakeShim()
        self.runtime = None

    def spec(self) -> dict[str, Any]:
        return {"process": {"cwd": "/"}}

    def process(self) -> bytes:
        return b"{}"

    async def make_streams(self, ident: str, exec_id: str = "") -> None:
        pass

    async def end(self, ident: str, code: int, exec_id: str = "") -> None:
        task = self.tier.tasks[ident]
        (task.execs[exec_id] if exec_id else task).end(code)


class TestFakeShim(TierConformance):
    @pytest.fixture
    def bench(self) -> FakeBench:
        return FakeBench()
