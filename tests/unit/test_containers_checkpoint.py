"""Checkpoints on disk, and what is made of the runtime's answer and of CRIU's log."""

from pathlib import Path

import pytest

from wherry.base.errors import InvalidParameter, NotFound, System
from wherry.containerd.tasks import CHECKPOINT_MEDIA_TYPE
from wherry.containers import checkpoints
from wherry.containers.checkpoint import complaints, pick
from wherry.containers.unpacked import Unpacked
from wherry.model.image import Descriptor


@pytest.mark.parametrize("ident", ["", "a", "..", "../ab", ".ab", "a/b", "ab.", "ab\n", "-ab", "a b"])
def test_names_that_are_none(ident: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid checkpoint ID"):
        checkpoints.check_id(ident)


def test_names() -> None:
    for ident in ("ab", "A-b_c.d", "00"):
        checkpoints.check_id(ident)
    with pytest.raises(InvalidParameter, match="must be absolute"):
        checkpoints.check_directory("tmp")
    checkpoints.check_directory("")


def test_places(tmp_path: Path) -> None:
    directory = str(tmp_path / "deep" / "checkpoints")
    assert checkpoints.names(directory, "c", given=False) == []
    path = Path(checkpoints.vacant(directory, "ab", "c"))
    with pytest.raises(System, match="^checkpoint ab does not exist for container c$"):
        checkpoints.present(directory, "ab", "c")
    path.mkdir()
    assert checkpoints.present(directory, "ab", "c") == str(path)
    with pytest.raises(System, match="^checkpoint with name ab already exists for container c$"):
        checkpoints.vacant(directory, "ab", "c")
    (path.parent / ".half").mkdir()
    (path.parent / "file").write_text("")
    (path.parent / "link").symlink_to(path)
    assert checkpoints.names(directory, "c", given=False) == ["ab"]
    for name in ("file", "link"):
        with pytest.raises(System, match=f"{name} exists and is not a directory"):
            checkpoints.present(directory, name, "c")
    checkpoints.drop_half_written(directory)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["ab", "file", "link"]
    checkpoints.drop_half_written(str(tmp_path / "absent"))


def test_directories_that_were_given(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match='^checkpoint directory "/absent" does not exist for container c: stat /absent'):
        checkpoints.names("/absent", "c", given=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidParameter, match="exists and is not a directory"):
        checkpoints.names(str(tmp_path / "file"), "c", given=True)


def test_weak_22_a_checkpoint_without_its_blob_is_an_error() -> None:
    spec = Descriptor(media_type="application/vnd.containerd.container.checkpoint.config.v1+proto", digest="sha256:1")
    tar = Descriptor(media_type=CHECKPOINT_MEDIA_TYPE, digest="sha256:2")
    assert pick([spec, tar]) is tar
    with pytest.raises(System, match="invalid checkpoint: the runtime has written no .*, but application/vnd.cont"):
        pick([spec])
    with pytest.raises(System, match="but nothing$"):
        pick([])


def test_what_criu_complains_of(tmp_path: Path) -> None:
    assert complaints(str(tmp_path)) == ""
    log = tmp_path / "dump.log"
    log.write_text("(00.01) Version: 3.17\n")
    assert complaints(str(tmp_path)) == ""
    lines = "".join(f"(00.02) Error (criu/vdso.c:{n}): vdso: trouble {n}\n" for n in range(5))
    log.write_text(f"(00.01) Version: 3.17\n{lines}")
    assert complaints(str(tmp_path)) == ": criu says: vdso: trouble 0; vdso: trouble 1; vdso: trouble 2"


async def test_what_containerd_leaves_goes_with_the_last_user(tmp_path: Path) -> None:
    left, other = tmp_path / "ctrd-checkpoint1", tmp_path / "other"
    left.mkdir()
    other.mkdir()
    unpacked = Unpacked(str(tmp_path))
    await unpacked.enter("a")
    await unpacked.enter("b")
    await unpacked.leave("a")
    assert left.exists()
    await unpacked.leave("b")
    await unpacked.leave("b")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
