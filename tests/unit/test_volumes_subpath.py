import os
from pathlib import Path

import pytest

from wherry.base.errors import EngineError, InvalidParameter, NotFound, System
from wherry.volumes.subpath import open_subpath


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    root = tmp_path / "_data"
    (root / "a" / "b").mkdir(parents=True)
    (root / "file").write_text("x")
    (root / "link").symlink_to("a/b")
    (root / "out").symlink_to("../other")
    (root / "absolute").symlink_to("/etc")
    (root / "ring").symlink_to("ring")
    (tmp_path / "other").mkdir()
    return root


@pytest.mark.parametrize(
    ("subpath", "found"), [("a", "a"), ("a/b", "a/b"), ("link", "a/b"), ("file", "file"), (".", ""), ("a/../a", "a")]
)
def test_what_is_in_the_volume_is_found(volume: Path, subpath: str, found: str) -> None:
    fd = open_subpath(str(volume), subpath)
    try:
        assert os.path.samestat(os.fstat(fd), (volume / found).stat())
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("subpath", "kind", "text"),
    [
        ("none", NotFound, "cannot access path {root}/none: lstat {root}/none: no such file or directory"),
        ("file/x", System, "cannot access path {root}/file/x: lstat {root}/file/x: not a directory"),
        ("ring", System, "cannot access path {root}/ring: lstat {root}/ring: too many levels of symbolic links"),
        ("out", InvalidParameter, "path concatenation escapes the base directory, base: {root}, subpath: out"),
        (
            "absolute",
            InvalidParameter,
            "path concatenation escapes the base directory, base: {root}, subpath: absolute",
        ),
        ("a/../../other", InvalidParameter, "path concatenation escapes the base directory, base: {root}, subpath: "),
    ],
)
def test_nothing_else_is(volume: Path, subpath: str, kind: type[EngineError], text: str) -> None:
    with pytest.raises(kind) as caught:
        open_subpath(str(volume), subpath)
    assert str(caught.value).startswith(text.format(root=volume))
