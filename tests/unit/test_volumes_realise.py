import os
from pathlib import Path

import pytest

from wherry.base.errors import InvalidParameter, System
from wherry.host.mounts import MountInfo
from wherry.model.container import MountPoint
from wherry.volumes.realise import check_sources, holding_mount, realise

ROOT = "/var/lib/wherry"


def info(target: str, *, shared: bool = False, master: bool = False) -> MountInfo:
    return MountInfo(target=target, fstype="ext4", source="/dev/vda", shared=shared, master=master)


def bind(source: object, propagation: str = "rprivate", create: bool = False) -> MountPoint:
    return MountPoint(type="bind", source=str(source), destination="/x", propagation=propagation, create_source=create)


def never() -> list[MountInfo]:
    pytest.fail("the table of mounts is read only for shared and slave mounts")


def test_a_missing_source_is_made_if_it_may_be(tmp_path: Path) -> None:
    point = bind(tmp_path / "a" / "b", create=True)
    assert realise([point], ROOT, never) == (point,)
    assert (tmp_path / "a" / "b").is_dir()


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    realise([bind(file, create=True)], ROOT, never)
    assert file.read_text() == "kept"


def test_a_missing_source_that_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_sources([bind(tmp_path / "none")])
    assert str(caught.value) == (
        f'invalid mount config for type "bind": bind source path does not exist: {tmp_path}/none'
    )


def test_nothing_is_made_when_another_source_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter):
        realise([bind(tmp_path / "made", create=True), bind(tmp_path / "none")], ROOT, never)
    assert os.listdir(tmp_path) == []


def test_a_source_that_cannot_be_made_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(System, match="make the bind source .*/file/below"):
        realise([bind(tmp_path / "file" / "below", create=True)], ROOT, never)


def test_a_lost_volume(tmp_path: Path) -> None:
    point = MountPoint(type="volume", name="v" * 8, source=f"{tmp_path}/none", destination="/x")
    with pytest.raises(System, match="lost its directory"):
        realise([point], ROOT, never)


@pytest.mark.parametrize("word", ["shared", "rshared", "slave", "rslave"])
def test_a_shared_mount_serves_every_propagation(tmp_path: Path, word: str) -> None:
    point = bind(tmp_path, word)
    assert realise([point], ROOT, lambda: [info("/", shared=True)]) == (point,)


def test_a_slave_mount_serves_slaves_only(tmp_path: Path) -> None:
    def table() -> list[MountInfo]:
        return [info("/", master=True)]

    assert realise([bind(tmp_path, "rslave")], ROOT, table) == (bind(tmp_path, "rslave"),)
    with pytest.raises(InvalidParameter, match="is mounted on / but it is not a shared mount"):
        realise([bind(tmp_path, "shared")], ROOT, table)


def test_a_private_mount_serves_neither(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="is mounted on / but it is not a shared or slave mount"):
        realise([bind(tmp_path, "slave")], ROOT, lambda: [info("/")])


def test_the_data_root_falls_back_to_private(tmp_path: Path) -> None:
    (point,) = realise([bind(tmp_path, "rslave")], f"{tmp_path}/data", lambda: [info("/")])
    assert point.propagation == "rprivate"


def test_the_holder_is_the_deepest_and_the_last() -> None:
    known = [info("/"), info("/srv"), info("/srv", shared=True), info("/srv2"), info("/srv/deep/er")]
    assert holding_mount("/srv/deep", known) is known[2]
    assert holding_mount("/srv", known) is known[2]
    assert holding_mount("/srv2x", known) is known[0]
    with pytest.raises(System):
        holding_mount("/x", [info("/srv")])
