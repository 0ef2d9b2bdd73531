import stat
from pathlib import Path

import pytest

from wherry.base.errors import InvalidParameter, System
from wherry.base.ids import new_id
from wherry.volumes.local import LocalVolumes


def test_the_life_of_a_volume(tmp_path: Path) -> None:
    volumes, name = LocalVolumes(str(tmp_path)), new_id()
    path = Path(volumes.create(name))
    assert path == tmp_path / "volumes" / name / "_data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o701
    (path / "deep").mkdir()
    (path / "deep" / "file").write_text("x")
    assert volumes.create(name) == str(path)
    assert (path / "deep" / "file").exists()
    volumes.remove(name)
    volumes.remove(name)
    assert list((tmp_path / "volumes").iterdir()) == []


def test_removing_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    volumes, name = LocalVolumes(str(tmp_path)), new_id()
    (Path(volumes.create(name)) / "link").symlink_to(outside)
    volumes.remove(name)
    assert (outside / "file").exists()


@pytest.mark.parametrize("name", ["", "..", "cache", "../" + "a" * 61, "a" * 63, "a" * 64 + "\n"])
def test_names_that_are_not_ours(tmp_path: Path, name: str) -> None:
    volumes = LocalVolumes(str(tmp_path))
    for use in (volumes.path, volumes.create, volumes.remove):
        with pytest.raises(InvalidParameter):
            use(name)


def test_a_volume_that_cannot_be_made_names_it(tmp_path: Path) -> None:
    (tmp_path / "volumes").touch()
    with pytest.raises(System, match="make the volume"):
        LocalVolumes(str(tmp_path)).create(new_id())
