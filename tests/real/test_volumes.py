"""Volumes through the docker CLI: their life, sharing, what of an image is copied into an empty one, and crashes."""

import io
import json
import os
import platform
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look
from wherry.host.facts import GO_ARCHITECTURES
from wherry.main.demo import find_busybox, make_archive, make_layer

FULL = "volumes-full"
"""An image with a directory of every kind of entry, declared as a volume, and a link to it from outside the root."""
SHOW = "cd {}; stat -c '%n %a %u:%g %F' . sub sub/file pipe suid; readlink link; cat twin; stat -c %h twin"
SHOWN = """\
. 1770 7:8 directory
sub 2750 1000:1001 directory
sub/file 640 1000:1001 regular file
pipe 620 0:0 fifo
suid 4755 0:0 regular empty file
/absent
text
2"""


def full_archive() -> bytes:
    """Return the image FULL."""
    with open(find_busybox(), "rb") as file:
        layer = io.BytesIO(make_layer(file.read(), ["sh", "stat", "cat", "ls", "readlink", "true", "sleep"]))
    with tarfile.open(fileobj=layer, mode="a", format=tarfile.USTAR_FORMAT) as tar:
        add(tar, "data", tarfile.DIRTYPE, 0o1770, (7, 8))
        add(tar, "data/sub", tarfile.DIRTYPE, 0o2750, (1000, 1001))
        add(tar, "data/sub/file", tarfile.REGTYPE, 0o640, (1000, 1001), text=b"text\n")
        add(tar, "data/link", tarfile.SYMTYPE, 0o777, link="/absent")
        add(tar, "data/twin", tarfile.LNKTYPE, 0o640, (1000, 1001), link="data/sub/file")
        add(tar, "data/pipe", tarfile.FIFOTYPE, 0o620)
        add(tar, "data/suid", tarfile.REGTYPE, 0o4755)
        add(tar, "empty", tarfile.DIRTYPE, 0o700, (5, 0))
        add(tar, "out", tarfile.SYMTYPE, 0o777, link="../../../../data")
    config = {"Cmd": ["sh"], "Env": ["PATH=/bin"], "Volumes": {"/data": {}}}
    machine = platform.machine()
    return make_archive(f"{FULL}:latest", config, layer.getvalue(), GO_ARCHITECTURES.get(machine, machine))


def add(
    tar: tarfile.TarFile, name: str, kind: bytes, mode: int, owner: tuple[int, int] = (0, 0), link: str = "",
    text: bytes = b"",
) -> None:  # fmt: skip
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(text)
    entry.uid, entry.gid = owner
    tar.addfile(entry, io.BytesIO(text))


@pytest.fixture(scope="module")
def full(shared: Engine) -> Iterator[None]:
    """The image FULL, unpacked."""
    shared.ok("load", stdin=full_archive())
    shared.ok("run", "--rm", FULL, "true")
    yield
    shared.ok("rmi", FULL)


@pytest.fixture
def volumes(engine: Engine) -> Iterator[Engine]:
    """The shared engine; volumes that the test left go, after its containers."""
    yield engine
    engine.remove_all()
    for name in engine.ok("volume", "ls", "-q").split():
        engine.ok("volume", "rm", name)


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    return json.loads(engine.ok("volume", "inspect", name))[0]


def names(engine: Engine, *filters: str) -> list[str]:
    return engine.ok("volume", "ls", "-q", *(word for text in filters for word in ("--filter", text))).split()


def data(engine: Engine, name: str) -> Path:
    return engine.data / "volumes" / name / "_data"


def fails(engine: Engine, *arguments: str) -> str:
    done = engine.docker(*arguments)
    assert done.returncode != 0
    return done.stderr.decode()


def test_create_ls_inspect_rm(volumes: Engine) -> None:
    assert volumes.ok("volume", "create", "--label", "tier=back", "data") == "data"
    assert volumes.ok("volume", "create", "data") == "data"
    found = inspect(volumes, "data")
    assert (found["Name"], found["Driver"], found["Scope"]) == ("data", "local", "local")
    assert found["Labels"] == {"tier": "back"}
    assert found["Mountpoint"] == str(data(volumes, "data"))
    assert found["CreatedAt"].endswith("Z")
    assert data(volumes, "data").is_dir()
    assert names(volumes, "name=da", "label=tier=back", "dangling=true", "driver=local") == ["data"]
    assert names(volumes, "dangling=false") == []
    assert volumes.ok("volume", "rm", "data") == "data"
    assert not data(volumes, "data").parent.exists()
    assert "get data: no such volume" in fails(volumes, "volume", "rm", "data")
    volumes.ok("volume", "rm", "-f", "data")


def test_refusals(volumes: Engine) -> None:
    assert "volume name is too short" in fails(volumes, "volume", "create", "a")
    assert 'invalid option: "x"' in fails(volumes, "volume", "create", "-o", "x=y", "data")
    assert "option type of the volume driver local (--opt type) is not supported" in fails(
        volumes, "volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "data"
    )
    assert 'error looking up volume plugin far: plugin "far" not found' in fails(
        volumes, "volume", "create", "-d", "far", "data"
    )
    assert names(volumes) == []


def test_shared_between_two_containers_and_in_use(volumes: Engine) -> None:
    writer = volumes.ok("run", "-d", "-v", "data:/out", IMAGE, "sh", "-c", "echo hello > /out/file; sleep 1000")
    volumes.ok("exec", writer, "sh", "-c", "until test -e /out/file; do usleep 1000; done")
    reader = volumes.ok("create", "--mount", "type=volume,src=data,dst=/in,readonly", IMAGE, "cat", "/in/file")
    assert volumes.ok("start", "-a", reader) == "hello"
    for ident, place, mode, rw in ((writer, "/out", "z", True), (reader, "/in", "z", False)):
        (mount,) = volumes.inspect(ident)["Mounts"]
        assert mount == {
            "Type": "volume", "Name": "data", "Source": str(data(volumes, "data")), "Destination": place,
            "Driver": "local", "Mode": mode, "RW": rw, "Propagation": "",
        }  # fmt: skip
    text = fails(volumes, "volume", "rm", "data")
    assert "remove data: volume is in use - [" in text
    assert writer in text
    assert reader in text
    assert "volume is in use" in fails(volumes, "volume", "rm", "-f", "data")
    assert names(volumes, "dangling=false") == ["data"]
    volumes.ok("rm", "-fv", writer, reader)
    assert names(volumes) == ["data"]
    assert data(volumes, "data").joinpath("file").read_text() == "hello\n"


def test_read_only(volumes: Engine) -> None:
    done = volumes.docker("run", "--rm", "-v", "data:/in:ro", IMAGE, "touch", "/in/file")
    assert b"Read-only file system" in done.stderr
    assert os.listdir(data(volumes, "data")) == []


@pytest.mark.usefixtures("full")
def test_copy_up(volumes: Engine) -> None:
    assert volumes.ok("run", "--rm", "-v", "data:/data", FULL, "sh", "-c", SHOW.format("/data")) == SHOWN
    assert volumes.ok("run", "--rm", "-v", "data:/seen", IMAGE, "sh", "-c", SHOW.format("/seen")) == SHOWN
    found = data(volumes, "data").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (7, 8, 0o1770)
    assert volumes.ok("run", "--rm", FULL, "sh", "-c", SHOW.format("/data")) == SHOWN  # the declared volume
    assert names(volumes) == ["data"]


@pytest.mark.usefixtures("full")
def test_copy_up_once_and_only_into_what_is_empty(volumes: Engine) -> None:
    ident = volumes.ok("create", "-v", "data:/data", FULL, "sh", "-c", "ls /data; rm -rf /data/*")
    assert volumes.ok("start", "-a", ident).split() == ["link", "pipe", "sub", "suid", "twin"]
    assert volumes.ok("start", "-a", ident) == ""
    volumes.ok("run", "--rm", "-v", "other:/o", IMAGE, "touch", "/o/mine")
    assert volumes.ok("run", "--rm", "-v", "other:/data", FULL, "ls", "/data") == "mine"


@pytest.mark.usefixtures("full")
def test_copy_up_by_the_link_of_an_image_stays_in_the_image(volumes: Engine) -> None:
    volumes.ok("run", "--rm", "-v", "data:/out", FULL, "true")
    assert sorted(os.listdir(data(volumes, "data"))) == ["link", "pipe", "sub", "suid", "twin"]


@pytest.mark.usefixtures("full")
def test_nocopy(volumes: Engine) -> None:
    assert volumes.ok("run", "--rm", "-v", "one:/data:nocopy", FULL, "ls", "/data") == ""
    mount = "type=volume,src=two,dst=/data,volume-nocopy,volume-label=a=b"
    assert volumes.ok("run", "--rm", "--mount", mount, FULL, "ls", "/data") == ""
    assert inspect(volumes, "two")["Labels"] == {"a": "b"}


def test_a_volume_over_a_file(volumes: Engine) -> None:
    text = fails(volumes, "run", "--rm", "-v", "data:/etc/passwd", IMAGE, "true")
    assert "cannot mount volume over existing file, file exists /etc/passwd" in text
    assert volumes.ok("ps", "-aq") == ""


def test_anonymous_ones_come_with_create_and_go_with_their_container(volumes: Engine) -> None:
    ident = volumes.ok("create", "-v", "/keep", "-v", "data:/d", IMAGE, "true")
    mounts = {mount["Destination"]: mount for mount in volumes.inspect(ident)["Mounts"]}
    name = mounts["/keep"]["Name"]
    assert inspect(volumes, name)["Labels"] == {"com.docker.volume.anonymous": ""}
    assert sorted(names(volumes)) == sorted([name, "data"])
    volumes.ok("rm", ident)
    assert sorted(names(volumes)) == sorted([name, "data"])
    volumes.ok("run", "--rm", "-v", "/brief", "-v", "data:/d", IMAGE, "true")
    assert sorted(names(volumes)) == sorted([name, "data"])
    volumes.ok("rm", "-v", volumes.ok("create", "-v", f"{name}:/named-now", IMAGE, "true"))
    assert volumes.ok("volume", "prune", "-f").splitlines()[:2] == ["Deleted Volumes:", name]
    assert names(volumes) == ["data"]
    data(volumes, "data").joinpath("file").write_bytes(b"x" * 1000)
    assert "Total reclaimed space: 1kB" in volumes.ok("volume", "prune", "-af")
    assert names(volumes) == []


def test_a_create_that_fails_gives_back_its_volumes(volumes: Engine) -> None:
    volumes.ok("create", "--name", "taken", IMAGE, "true")
    assert "already in use" in fails(volumes, "create", "--name", "taken", "-v", "data:/d", "-v", "/a", IMAGE, "true")
    assert names(volumes) == []


def test_events(volumes: Engine) -> None:
    since = volumes.ok("info", "-f", "{{.SystemTime}}")
    ident = volumes.ok("run", "-d", "-v", "data:/d:ro", IMAGE, "true")
    volumes.ok("wait", ident)
    volumes.ok("rm", ident)
    volumes.ok("volume", "rm", "data")
    until = volumes.ok("info", "-f", "{{.SystemTime}}")
    lines = volumes.ok(
        "events", "--since", since, "--until", until, "--filter", "type=volume", "--format", "{{json .}}"
    ).splitlines()
    events = [(e["Action"], e["Actor"]["ID"], e["Actor"]["Attributes"]) for e in map(json.loads, lines)]
    mounted = {"container": ident, "driver": "local", "destination": "/d", "propagation": "", "read/write": "false"}
    assert events == [
        ("create", "data", {"driver": "local"}),
        ("mount", "data", mounted),
        ("unmount", "data", {"container": ident, "driver": "local"}),
        ("destroy", "data", {"driver": "local"}),
    ]


def test_a_create_that_dies_leaves_no_anonymous_volume(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    before = look(own)
    own.kill()
    own.start(faults="create.snapshot.after=kill")
    assert own.docker("create", "-v", "/a", IMAGE, "true").returncode != 0
    own.wait_end()
    own.start()
    assert_no_leaks(own, before)


def test_volumes_outlive_the_engine(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    own.ok("volume", "create", "--label", "a=b", "data")
    ident = own.ok("create", "-v", "/keep", "-v", "data:/d", IMAGE, "sh", "-c", "echo x >> /d/f; wc -l < /d/f")
    before = own.ok("volume", "inspect", *sorted(names(own)))
    own.kill()
    own.start()
    assert own.ok("volume", "inspect", *sorted(names(own))) == before
    assert own.ok("start", "-a", ident) == "1"
    assert "volume is in use" in fails(own, "volume", "rm", "data")


def test_volumes_of_another_container(engine: Engine) -> None:
    engine.ok("create", "--name", "source", "-v", "shared:/data", "-v", "/anonymous", "--tmpfs", "/t", IMAGE, "true")
    assert engine.ok("run", "--volumes-from", "source", IMAGE, "sh", "-c", "echo hi > /data/f; ls -d /anonymous") != ""
    script = "cat /data/f; echo x > /data/f"
    done = engine.docker("run", "--name", "reader", "--volumes-from", "source:ro", IMAGE, "sh", "-c", script)
    assert done.stdout == b"hi\n"
    assert b"Read-only file system" in done.stderr
    shown = {mount["Destination"]: mount["RW"] for mount in engine.inspect("reader")["Mounts"]}
    assert shown == {"/data": False, "/anonymous": False}
    engine.ok("rm", "-v", "reader")
    assert len(engine.ok("volume", "ls", "-q").split()) == 2  # the anonymous one is still the source's
    refused = engine.docker("create", "--volumes-from", "nobody", IMAGE, "true").stderr.decode()
    assert "No such container: nobody" in refused
    engine.remove_all()
    engine.ok("volume", "rm", "shared")


def test_a_part_of_a_volume(engine: Engine) -> None:
    script = "mkdir -p /d/a/b; echo hi > /d/a/f; ln -s /etc /d/out"
    engine.ok("run", "--rm", "-v", "parts:/d", IMAGE, "sh", "-c", script)

    def mount(part: str) -> tuple[str, str]:
        return "--mount", f"type=volume,src=parts,dst=/d,volume-subpath={part}"

    assert engine.ok("run", "--rm", *mount("a"), IMAGE, "ls", "/d") == "b\nf"
    assert engine.ok("run", "--rm", *mount("a/f"), IMAGE, "cat", "/d") == "hi"
    engine.ok("run", "-d", "--name", "holder", "--stop-timeout", "1", *mount("a"), IMAGE, "sleep", "1000")
    [shown] = engine.inspect("holder")["Mounts"]
    assert shown["Source"].endswith("/volumes/parts/_data")
    bound = [line for line in engine.box.mounts() if "/mounts/volumes/" in line]
    assert len(bound) == 1
    engine.ok("stop", "holder")
    assert not [line for line in engine.box.mounts() if "/mounts/volumes/" in line]
    for part, text in {"none": "no such file or directory", "out": "path concatenation escapes the base dir"}.items():
        done = engine.docker("run", "--rm", *mount(part), IMAGE, "true")
        assert text in done.stderr.decode()
    engine.remove_all()
    engine.ok("volume", "rm", "parts")
