import io
import json
import tarfile
from pathlib import Path

import pytest

from wherry.base.errors import NotFound
from wherry.main.demo import find_busybox, is_static, make_archive, make_layer


def elf(*kinds: int) -> bytes:
    """Return the head of a 64-bit ELF file with program headers of these types."""
    header = bytearray(64)
    header[:5] = b"\x7fELF\x02"
    header[32:40] = (64).to_bytes(8, "little")
    header[54:56] = (56).to_bytes(2, "little")
    header[56:58] = len(kinds).to_bytes(2, "little")
    return bytes(header) + b"".join(kind.to_bytes(4, "little") + bytes(52) for kind in kinds)


@pytest.mark.parametrize(
    ("content", "static"), [(elf(1, 4), True), (elf(6, 3, 1), False), (b"#!/bin/sh\n", False), (b"", False)]
)
def test_static(tmp_path: Path, content: bytes, static: bool) -> None:
    path = tmp_path / "program"
    path.write_bytes(content)
    assert is_static(str(path)) is static


def test_a_dynamic_busybox_is_passed_over(tmp_path: Path) -> None:
    dynamic, static = tmp_path / "a", tmp_path / "b"
    dynamic.write_bytes(elf(3))
    static.write_bytes(elf(1))
    assert find_busybox([str(tmp_path / "none"), str(dynamic), str(static)]) == str(static)
    with pytest.raises(NotFound, match="apt-get install busybox-static"):
        find_busybox([str(dynamic)])


def test_archive() -> None:
    layer = make_layer(b"program", ["sh", "ls", "busybox"])
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        names = tar.getnames()
        assert {"bin/busybox", "bin/sh", "bin/ls", "etc/passwd", "tmp"} <= set(names)
        assert len(names) == len(set(names))
        assert tar.getmember("bin/sh").linkname == "busybox"
        assert tar.getmember("tmp").mode == 0o1777
    archive = make_archive("x:latest", {"Cmd": ["sh"]}, layer, "amd64")
    assert archive == make_archive("x:latest", {"Cmd": ["sh"]}, make_layer(b"program", ["ls", "sh"]), "amd64")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (image,) = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        assert image["RepoTags"] == ["x:latest"]
        assert (tar.extractfile(image["Layers"][0]) or io.BytesIO()).read() == layer
        config = json.load(tar.extractfile(image["Config"]) or io.BytesIO())
        assert (config["architecture"], config["config"]["Cmd"]) == ("amd64", ["sh"])
