import io
import os
import tarfile
import tempfile
from pathlib import Path

import pytest

from wherry.host import treetar


def test_there_and_back(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    (source / "deep").mkdir(parents=True)
    target.mkdir()
    (source / "pages-1.img").write_bytes(b"\0" * 70_000)
    (source / "deep" / "core-1.img").write_text("1")
    with tempfile.TemporaryFile() as file:
        treetar.pack(str(source), file)
        found, size = treetar.digest(file)
        assert (found[:7], size) == ("sha256:", os.fstat(file.fileno()).st_size)
        file.seek(0)
        treetar.unpack(file, str(target))
    assert (target / "pages-1.img").read_bytes() == b"\0" * 70_000
    assert (target / "deep" / "core-1.img").stat().st_mode & 0o777 == 0o600


def test_links_are_not_packed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="neither a file nor a directory"):
        treetar.pack(str(tmp_path), io.BytesIO())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("../out", tarfile.REGTYPE), ("/out", tarfile.REGTYPE), ("a/../../out", tarfile.REGTYPE), ("in", tarfile.SYMTYPE)],
)
def test_a_tar_that_leads_out_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "/etc"
        tar.addfile(entry)
    file.seek(0)
    (tmp_path / "tree").mkdir()
    with pytest.raises(OSError, match="neither a file nor a directory of this tree"):
        treetar.unpack(file, str(tmp_path / "tree"))
    assert not (tmp_path / "out").exists()


def test_no_tar_at_all(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a tar"):
        treetar.unpack(io.BytesIO(b"nonsense"), str(tmp_path))
