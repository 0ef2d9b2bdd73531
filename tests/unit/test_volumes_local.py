import os
import stat
from pathlib import Path

import pytest

from wherry.base.errors import NotFound, System
from wherry.model.volume import VolumeNote
from wherry.volumes.local import GONE, NEW, LocalVolumes, tree_size

NOTE = VolumeNote(created=5_000_000_000, labels={"a": "b"}, options={})


def test_the_life_of_a_volume(tmp_path: Path) -> None:
    volumes = LocalVolumes(str(tmp_path))
    assert volumes.create("data", NOTE)
    path = Path(volumes.path("data"))
    assert path == tmp_path / "volumes" / "data" / "_data"
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)] == [0o755, 0o701]
    (path / "deep").mkdir()
    (path / "deep" / "file").write_text("x")
    assert not volumes.create("data", VolumeNote())
    assert volumes.find("data").note == NOTE
    assert (path / "deep" / "file").exists()
    volumes.delete(volumes.detach("data"))
    with pytest.raises(NotFound, match="^get data: no such volume$"):
        volumes.detach("data")
    assert list((tmp_path / "volumes").iterdir()) == []


def test_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        volumes = LocalVolumes(str(tmp_path))
        volumes.create("data", NOTE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(volumes.path("data")).st_mode) == 0o755


def test_deleting_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    volumes = LocalVolumes(str(tmp_path))
    volumes.create("data", NOTE)
    (Path(volumes.path("data")) / "link").symlink_to(outside)
    volumes.delete(volumes.detach("data"))
    assert (outside / "file").exists()


@pytest.mark.parametrize("name", ["", "..", "a", "../data", "data\n", ".new-x", "a/b", "a" * 300])
def test_what_is_no_volume(tmp_path: Path, name: str) -> None:
    (tmp_path / "volumes" / ".new-x" / "_data").mkdir(parents=True)
    with pytest.raises(NotFound, match=r"(?s)^get.*: no such volume$"):
        LocalVolumes(str(tmp_path)).find(name)


def test_directories_made_by_hand_and_broken_notes(tmp_path: Path) -> None:
    for name in ("hand", "broken", "unfinished"):
        (tmp_path / "volumes" / name / "_data").mkdir(parents=True)
    (tmp_path / "volumes" / "broken" / "volume.json").write_text("{")
    (tmp_path / "volumes" / "unfinished" / "_data").rmdir()
    found = LocalVolumes(str(tmp_path)).all()
    assert [volume.name for volume in found] == ["broken", "hand"]
    assert all(volume.note.created and volume.note.labels is None for volume in found)


def test_what_a_dead_engine_left(tmp_path: Path) -> None:
    volumes = LocalVolumes(str(tmp_path))
    assert volumes.waste() == []
    volumes.create("data", NOTE)
    for name in (f"{NEW}x", f"{GONE}y"):
        (tmp_path / "volumes" / name).mkdir()
    assert [volume.name for volume in volumes.all()] == ["data"]
    for path in volumes.waste():
        volumes.delete(path)
    assert [volume.name for volume in volumes.all()] == os.listdir(tmp_path / "volumes") == ["data"]


def test_the_maker_counts_until_the_volume_is_kept(tmp_path: Path) -> None:
    volumes = LocalVolumes(str(tmp_path))
    volumes.create("data", NOTE, "c" * 64)
    assert volumes.maker("data") == "c" * 64
    volumes.keep("data")
    volumes.keep("data")
    assert volumes.maker("data") == ""


def test_a_volume_that_cannot_be_made_names_it(tmp_path: Path) -> None:
    (tmp_path / "volumes").touch()
    with pytest.raises(System, match="make the volume"):
        LocalVolumes(str(tmp_path)).create("data", NOTE)


def test_the_size_counts_each_inode_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one").write_bytes(b"x" * 100)
    os.link(tmp_path / "deep" / "one", tmp_path / "two")
    (tmp_path / "link").symlink_to("/absent")
    assert tree_size(str(tmp_path)) == 107
