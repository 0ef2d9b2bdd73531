"""Images: load of both archive formats, list, inspect, tag, remove."""

import asyncio
import hashlib
import io
import json
import tarfile

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from wherry.containerd.channel import Channel
from wherry.containerd.snapshots import Snapshots
from wherry.main.demo import find_busybox, make_archive, make_layer

ARCH = "amd64"


def layer_of(text: str) -> bytes:
    with open(find_busybox(), "rb") as file:
        return make_layer(file.read(), ["sh", "cat", "echo", "sleep", text])


def oci_layout(name: str, layer: bytes) -> bytes:
    """An OCI layout of one image, as `skopeo` and buildx write it."""
    blobs: dict[str, bytes] = {}

    def add(data: bytes, kind: str, **more: object) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {
            "mediaType": f"application/vnd.oci.image.{kind}",
            "digest": f"sha256:{digest}",
            "size": len(data),
            **more,
        }

    tar = add(layer, "layer.v1.tar")
    config = {"architecture": ARCH, "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]}}
    config["rootfs"] = {"type": "layers", "diff_ids": [tar["digest"]]}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    manifest |= {"config": add(json.dumps(config).encode(), "config.v1+json"), "layers": [tar]}
    annotations = {
        "io.containerd.image.name": f"docker.io/library/{name}",
        "org.opencontainers.image.ref.name": "latest",
    }
    target = add(json.dumps(manifest).encode(), "manifest.v1+json", annotations=annotations)
    files = {f"blobs/sha256/{digest}": data for digest, data in blobs.items()}
    files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [target]}).encode()
    return pack(files)


def pack(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def test_docker_archive(engine: Engine) -> None:
    archive = make_archive("first:1", {"Cmd": ["sh"], "Env": ["PATH=/bin"]}, layer_of("first"), ARCH)
    assert engine.ok("load", stdin=archive) == "Loaded image: first:1"
    ident = engine.ok("images", "-q", "--no-trunc", "first:1")
    assert engine.ok("load", stdin=archive) == "Loaded image: first:1"
    assert engine.ok("images", "-q", "--no-trunc", "first:1") == ident
    assert engine.ok("run", "--rm", "first:1", "cat", "/etc/group").startswith("root:")
    assert engine.ok("rmi", "first:1").splitlines()[0] == "Untagged: first:1"
    assert engine.ok("images", "-q", "first:1") == ""


def test_oci_layout(engine: Engine) -> None:
    assert engine.ok("load", stdin=oci_layout("second:2", layer_of("second"))) == "Loaded image: second:2"
    assert engine.ok("run", "--rm", "second:2", "echo", "up") == "up"
    engine.ok("rmi", "second:2")


def test_inspect_and_list(engine: Engine) -> None:
    found = json.loads(engine.ok("image", "inspect", IMAGE))[0]
    assert found["RepoTags"] == [f"{IMAGE}:latest"]
    assert found["Config"]["Cmd"] == ["sh"]
    assert (found["Architecture"], found["Os"]) == (ARCH, "linux")
    assert len(found["RootFS"]["Layers"]) == 1
    rows = engine.ok("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
    assert f"{IMAGE}:latest {found['Id'].removeprefix('sha256:')[:12]}" in rows


@pytest.mark.parametrize("ref", ["busybox", "busybox:latest", "docker.io/library/busybox", "library/busybox:latest"])
def test_names_of_one_image(engine: Engine, ref: str) -> None:
    assert engine.ok("image", "inspect", "-f", "{{.Id}}", ref) == engine.ok("image", "inspect", "-f", "{{.Id}}", IMAGE)


def test_by_id(engine: Engine) -> None:
    ident = engine.ok("image", "inspect", "-f", "{{.Id}}", IMAGE)
    for ref in (ident, ident.removeprefix("sha256:"), ident.removeprefix("sha256:")[:12]):
        assert engine.ok("run", "--rm", ref, "echo", "by id") == "by id"


def test_tag_and_untag(engine: Engine) -> None:
    engine.ok("tag", IMAGE, "other.example:5000/team/box:v1")
    assert "other.example:5000/team/box:v1" in json.loads(engine.ok("image", "inspect", IMAGE))[0]["RepoTags"]
    assert engine.ok("rmi", "other.example:5000/team/box:v1") == "Untagged: other.example:5000/team/box:v1"
    done = engine.docker("tag", "absent", "x")
    assert "No such image: absent:latest" in done.stderr.decode()
    done = engine.docker("tag", IMAGE, "Bad/Name")
    assert done.returncode == 1


def test_rmi_of_what_a_container_uses(engine: Engine) -> None:
    archive = make_archive("third:1", {"Cmd": ["sh"], "Env": ["PATH=/bin"]}, layer_of("third"), ARCH)
    engine.ok("load", stdin=archive)
    ident = engine.ok("run", "-d", "third:1", "sleep", "1000")
    done = engine.docker("rmi", "third:1")
    assert done.returncode == 1
    assert "conflict: unable to" in done.stderr.decode()
    assert ident[:12] in done.stderr.decode()
    engine.ok("rm", "-f", ident)
    engine.ok("rmi", "third:1")


BROKEN = {
    "not an archive": b"hello there" * 100,
    "empty": b"",
    "no manifest": pack({"file": b"x"}),
    "manifest is no json": pack({"manifest.json": b"{"}),
    "layer is missing": pack({"manifest.json": b'[{"Config":"c.json","RepoTags":["x:1"],"Layers":["l/layer.tar"]}]'}),
    "member outside": pack({"manifest.json": b'[{"Config":"../../etc/passwd","RepoTags":["x:1"],"Layers":[]}]'}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_archive(engine: Engine, name: str) -> None:
    done = engine.docker("load", stdin=BROKEN[name])
    assert done.returncode == 1, done.stdout
    assert done.stderr.decode().strip()
    assert engine.ok("images", "-q", "x:1") == ""


def test_layer_that_is_not_what_the_config_says(engine: Engine) -> None:
    layer = layer_of("fourth")
    archive = make_archive("fourth:1", {}, layer, ARCH).replace(hashlib.sha256(layer).hexdigest().encode(), b"0" * 64)
    done = engine.docker("load", stdin=archive)
    assert done.returncode == 1
    assert engine.ok("images", "-q", "fourth:1") == ""


async def remove_layers(engine: Engine, name: str) -> None:
    """Remove the snapshots of an image's layers, as if it had been put into the store by others."""
    channel = Channel(str(engine.exec / "containerd" / "containerd.sock"), "moby")
    await channel.open(10.0)
    try:
        snapshots = Snapshots(channel, "overlayfs")
        chain = json.loads(engine.ok("image", "inspect", "-f", "{{json .RootFS.Layers}}", name))
        assert len(chain) == 1, "a chain id of one layer is its diff id"
        await snapshots.remove(chain[0])
        assert chain[0] not in [snapshot.name for snapshot in await snapshots.list()]
    finally:
        await channel.close()


def test_an_image_that_nobody_has_unpacked(engine: Engine) -> None:
    archive = make_archive("packed:1", {"Cmd": ["sh"], "Env": ["PATH=/bin"]}, layer_of("packed"), ARCH)
    engine.ok("load", stdin=archive)
    asyncio.run(remove_layers(engine, "packed:1"))
    assert engine.ok("run", "--rm", "packed:1", "echo", "up") == "up"
    engine.ok("rmi", "packed:1")
