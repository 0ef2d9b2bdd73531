import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.host.copytree import copy_tree


@pytest.fixture
def trees(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    before = len(os.listdir("/proc/self/fd"))
    yield source, target
    assert len(os.listdir("/proc/self/fd")) == before


def copy(source: Path, target: Path) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY
    src, dst = os.open(source, flags), os.open(target, flags)
    try:
        return sum(1 for _ in copy_tree(src, dst))
    finally:
        os.close(src)
        os.close(dst)


def test_modes_times_and_contents(trees: tuple[Path, Path]) -> None:
    source, target = trees
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "file").write_bytes(b"x" * 10_000)
    (source / "a" / "b" / "file").chmod(0o4750)
    os.utime(source / "a" / "b" / "file", (10, 20))
    (source / "a").chmod(0o2700)
    os.utime(source / "a", (30, 40))
    os.utime(source, (50, 60))
    assert copy(source, target) > 3
    file = target / "a" / "b" / "file"
    assert file.read_bytes() == b"x" * 10_000
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_mtime) == (0o4750, 20)
    assert (stat.S_IMODE((target / "a").stat().st_mode), (target / "a").stat().st_mtime) == (0o2700, 40)
    assert target.stat().st_mtime == 60


def test_links_are_copied_as_links(trees: tuple[Path, Path]) -> None:
    source, target = trees
    (source / "one").write_text("x")
    (source / "sub").mkdir()
    os.link(source / "one", source / "sub" / "two")
    (source / "out").symlink_to("/etc/passwd")
    (source / "up").symlink_to("..")
    copy(source, target)
    assert os.path.samefile(target / "one", target / "sub" / "two")
    assert os.readlink(target / "out") == "/etc/passwd"
    assert os.readlink(target / "up") == ".."


def test_pipes_and_sockets_are_made_again_and_never_opened(trees: tuple[Path, Path]) -> None:
    source, target = trees
    os.mkfifo(source / "pipe")
    (source / "pipe").chmod(0o620)
    os.mknod(source / "socket", stat.S_IFSOCK | 0o600)
    copy(source, target)
    assert stat.S_ISFIFO((target / "pipe").stat().st_mode)
    assert stat.S_IMODE((target / "pipe").stat().st_mode) == 0o620
    assert stat.S_ISSOCK((target / "socket").stat().st_mode)


def test_holes_stay_holes(trees: tuple[Path, Path]) -> None:
    source, target = trees
    with open(source / "sparse", "wb") as file:
        file.seek(1 << 40)
        file.write(b"end")
        file.truncate(1 << 41)
    copy(source, target)
    found = (target / "sparse").stat()
    assert found.st_size == 1 << 41
    assert found.st_blocks * 512 < 1 << 20
    with open(target / "sparse", "rb") as file:
        file.seek(1 << 40)
        assert file.read(4) == b"end\0"


def test_xattrs(trees: tuple[Path, Path]) -> None:
    source, target = trees
    (source / "file").touch()
    os.setxattr(source / "file", "user.colour", b"red")
    copy(source, target)
    assert os.getxattr(target / "file", "user.colour") == b"red"


def test_names_that_are_no_text(trees: tuple[Path, Path]) -> None:
    source, target = trees
    (source / "d\udcff").mkdir()
    (source / "d\udcff" / "f\udcfe").touch()
    copy(source, target)
    assert (target / "d\udcff" / "f\udcfe").exists()


def test_a_deep_tree_takes_no_stack(trees: tuple[Path, Path]) -> None:
    source, target = trees
    deep = source.joinpath(*["d"] * 800)
    deep.mkdir(parents=True)
    copy(source, target)
    assert target.joinpath(*["d"] * 800).is_dir()


def test_what_was_begun_can_be_dropped(trees: tuple[Path, Path]) -> None:
    source, target = trees
    (source / "big").write_bytes(b"x" * 100)
    flags = os.O_RDONLY | os.O_DIRECTORY
    src, dst = os.open(source, flags), os.open(target, flags)
    work = copy_tree(src, dst)
    next(work)
    work.close()  # type: ignore[attr-defined]
    os.close(src)
    os.close(dst)
