"""Copy-up, as whoever runs the tests: owners are those that one may set, devices are in test_host_copytree."""

import os
import stat
from pathlib import Path

import pytest

from wherry.base.errors import DeadlineExceeded, System
from wherry.volumes import fill as module
from wherry.volumes.fill import COPY, WHOLE, fill, settle


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "_data").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "root" / "etc"
    directory.mkdir(parents=True, mode=0o750)
    (directory / "sub").mkdir()
    (directory / "sub" / "file").write_text("text")
    (directory / "link").symlink_to("/absent/target")
    return tmp_path / "root"


async def test_an_empty_volume_is_filled(home: Path, root: Path) -> None:
    await fill(str(home), str(root), "/etc")
    data = home / "_data"
    assert sorted(os.listdir(data)) == ["link", "sub"]
    assert (data / "sub" / "file").read_text() == "text"
    assert os.readlink(data / "link") == "/absent/target"
    assert stat.S_IMODE(data.stat().st_mode) == 0o750
    assert os.listdir(home) == ["_data"]


async def test_an_empty_directory_gives_its_mode(home: Path, root: Path) -> None:
    (root / "empty").mkdir()
    (root / "empty").chmod(0o1777)
    await fill(str(home), str(root), "/empty")
    assert stat.S_IMODE((home / "_data").stat().st_mode) == 0o1777


@pytest.mark.parametrize("name", ["file", ".hidden", "lost+found/"])
async def test_a_volume_that_holds_anything_is_left_alone(home: Path, root: Path, name: str) -> None:
    place = home / "_data" / name
    if name.endswith("/"):
        place.mkdir()
    else:
        place.touch()
    await fill(str(home), str(root), "/etc")
    assert os.listdir(home / "_data") == [place.name]


async def test_a_missing_directory_is_fine_and_a_file_is_not(home: Path, root: Path) -> None:
    await fill(str(home), str(root), "/absent/deep")
    with pytest.raises(System, match="^cannot mount volume over existing file, file exists /etc/sub/file$"):
        await fill(str(home), str(root), "/etc/sub/file")
    assert os.listdir(home / "_data") == []


async def test_links_on_the_way_stay_inside(home: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").touch()
    (root / "absolute").symlink_to(tmp_path / "secret")
    (root / "relative").symlink_to("../" * 20 + "etc")
    (root / "loop").symlink_to("loop")
    await fill(str(home), str(root), "/absolute")
    assert os.listdir(home / "_data") == []
    with pytest.raises(System, match="failed to populate volume"):
        await fill(str(home), str(root), "/loop")
    await fill(str(home), str(root), "/relative")
    assert sorted(os.listdir(home / "_data")) == ["link", "sub"]


async def test_a_copy_that_takes_too_long_leaves_nothing(
    home: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)
    with pytest.raises(DeadlineExceeded, match="failed to populate volume"):
        await fill(str(home), str(root), "/etc", seconds=0.0)
    assert os.listdir(home) == ["_data"]
    assert os.listdir(home / "_data") == []


def test_a_copy_that_was_cut_is_discarded(home: Path) -> None:
    (home / COPY / "half").mkdir(parents=True)
    settle(str(home))
    assert os.listdir(home) == ["_data"]
    assert os.listdir(home / "_data") == []


def test_a_whole_copy_is_moved_in_and_what_is_there_stays(home: Path) -> None:
    for name in ("one", "two", "three"):
        (home / WHOLE / name).mkdir(parents=True)
    (home / WHOLE).chmod(0o711)
    (home / "_data" / "two").write_text("kept")
    (home / "_data" / "three").mkdir()  # moved before the engine died, say
    settle(str(home))
    settle(str(home))
    assert sorted(os.listdir(home / "_data")) == ["one", "three", "two"]
    assert (home / "_data" / "two").read_text() == "kept"
    assert stat.S_IMODE((home / "_data").stat().st_mode) == 0o711
    assert os.listdir(home) == ["_data"]
