"""A small image made in memory from the machine's static busybox: what `wherry hello` and `make run` load.

The archive is the format of `docker save`. It is the same to the byte each time, so loading it twice changes nothing.
"""

import hashlib
import io
import json
import os
import platform
import subprocess
import tarfile
from collections.abc import Iterable
from typing import Any

from wherry.base.errors import NotFound
from wherry.host.facts import GO_ARCHITECTURES

CREATED = "2026-01-01T00:00:00Z"
CANDIDATES = ("/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static")
ELF = b"\x7fELF"
PT_INTERP = 3

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}
DIRECTORIES = {"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777, "var": 0o755}


def demo_archive(tag: str, command: list[str]) -> bytes:
    """Return an image of one layer, busybox and its applets, that runs `command`; NotFound without a static busybox."""
    binary = find_busybox()
    with open(binary, "rb") as file:
        layer = make_layer(file.read(), _applets(binary))
    config = {"Cmd": command, "Env": ["PATH=/bin"]}
    return make_archive(tag, config, layer, GO_ARCHITECTURES.get(platform.machine(), platform.machine()))


def find_busybox(candidates: Iterable[str] = CANDIDATES) -> str:
    """Return the path of a statically linked busybox; NotFound says how to get one."""
    for path in candidates:
        if os.path.exists(path) and is_static(path):
            return path
    raise NotFound("this machine has no static busybox to make an image of: apt-get install busybox-static")


def is_static(path: str) -> bool:
    """Tell whether an ELF file names no interpreter in its program headers (elf(5), 64-bit little endian)."""
    with open(path, "rb") as file:
        header = file.read(64)
        if header[:4] != ELF or header[4] != 2:
            return False
        offset = int.from_bytes(header[32:40], "little")
        size, count = int.from_bytes(header[54:56], "little"), int.from_bytes(header[56:58], "little")
        file.seek(offset)
        table = file.read(size * count)
    kinds = (int.from_bytes(table[at : at + 4], "little") for at in range(0, len(table), size))
    return PT_INTERP not in kinds


def make_layer(busybox: bytes, applets: Iterable[str]) -> bytes:
    """Return the tar of the root file system, an applet a link to busybox."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, mode in DIRECTORIES.items():
            tar.addfile(_entry(name, tarfile.DIRTYPE, mode))
        _add(tar, "bin/busybox", busybox, 0o755)
        for applet in sorted(set(applets) - {"busybox"}):
            link = _entry(f"bin/{applet}", tarfile.SYMTYPE, 0o777)
            link.linkname = "busybox"
            tar.addfile(link)
        for name, text in FILES.items():
            _add(tar, name, text.encode(), 0o644)
    return out.getvalue()


def make_archive(tag: str, config: dict[str, Any], layer: bytes, architecture: str) -> bytes:
    """Return a docker-archive of one image with one layer."""
    digest = hashlib.sha256(layer).hexdigest()
    image = {
        "architecture": architecture,
        "os": "linux",
        "created": CREATED,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": CREATED, "created_by": "busybox of the machine"}],
    }
    raw = json.dumps(image, sort_keys=True).encode()
    name = f"{hashlib.sha256(raw).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [tag], "Layers": [f"{digest}/layer.tar"]}]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, f"{digest}/layer.tar", layer, 0o644)
        _add(tar, name, raw, 0o644)
        _add(tar, "manifest.json", json.dumps(manifest).encode(), 0o644)
    return out.getvalue()


def _applets(binary: str) -> list[str]:
    done = subprocess.run([binary, "--list"], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.split()


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = _entry(name, tarfile.REGTYPE, mode)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
