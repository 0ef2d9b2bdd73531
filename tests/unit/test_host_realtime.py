from pathlib import Path

import pytest

from wherry.base.errors import System
from wherry.host.realtime import give_realtime


def group(path: Path) -> Path:
    path.mkdir()
    for name, value in (("period", ""), ("runtime", "")):
        (path / f"cpu.rt_{name}_us").write_text(value)
    return path


def values(path: Path) -> list[str]:
    return [(path / f"cpu.rt_{name}_us").read_text() for name in ("period", "runtime")]


def test_every_parent_gets_its_share(tmp_path: Path) -> None:
    outer = group(tmp_path / "fleet")
    inner = group(outer / "boats")
    give_realtime("/fleet/boats", 500000, 200000, str(tmp_path))
    assert values(outer) == values(inner) == ["500000", "200000"]


def test_what_is_not_said_stays(tmp_path: Path) -> None:
    outer = group(tmp_path / "fleet")
    give_realtime("/fleet", 0, 7, str(tmp_path))
    assert values(outer) == ["", "7"]


def test_what_the_kernel_refuses_is_said_in_dockers_words(tmp_path: Path) -> None:
    with pytest.raises(System) as caught:
        give_realtime("/fleet", 1, 1, str(tmp_path))
    assert str(caught.value) == (
        f"unable to init CPU RT controller: open {tmp_path}/fleet/cpu.rt_period_us: no such file or directory"
    )
    assert (tmp_path / "fleet").is_dir()
