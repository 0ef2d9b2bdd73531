"""Load: what archives become, what clients are told, and what failures leave behind (images.md 4, 11, 16)."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.load_fakes import (
    OCI_INDEX,
    OCI_MANIFEST,
    FakeContent,
    FakeDiff,
    FakeLeases,
    FakeNames,
    FakeSnapshots,
    Files,
    OciFiles,
    chunks,
    config,
    digest,
    docker_files,
    tar,
)
from wherry.base.errors import InvalidParameter
from wherry.base.events import EventBus
from wherry.images.load import Loader
from wherry.images.platforms import fits, host_platform, read_platform, show
from wherry.images.unpack import Unpacker, chain_ids
from wherry.model.image import Platform

BASE, TOP = b"base layer", b"top layer"
HOST = host_platform().architecture
OTHER = "s390x"
HOST_JSON = {"os": "linux", "architecture": HOST}
OTHER_JSON = {"os": "linux", "architecture": OTHER}
GC = "containerd.io/gc.ref"


class Bench:
    """A loader on fakes."""

    def __init__(self, spool: Path) -> None:
        self.content = FakeContent()
        self.leases = FakeLeases()
        self.snapshots = FakeSnapshots()
        self.diff = FakeDiff(self.content)
        self.names = FakeNames()
        self.bus = EventBus()
        mark = {"mark": "m"}
        unpack = Unpacker(self.content, self.leases, self.snapshots, self.diff)
        self.loader = Loader(self.content, self.leases, unpack, self.names, str(spool), mark, self.bus)

    async def load(self, archive: bytes | Files, quiet: bool = True, platform: str = "") -> list[dict[str, Any]]:
        data = tar(archive) if isinstance(archive, dict) else archive
        messages = [message async for message in self.loader.load(chunks(data), quiet, platform)]
        assert self.leases.open == {}
        return messages

    async def fail(self, archive: bytes | Files, platform: str = "") -> str:
        message = (await self.load(archive, platform=platform))[-1]
        assert message["error"] == message["errorDetail"]["message"]
        return str(message["error"])

    @property
    def events(self) -> list[tuple[str, str, dict[str, str]]]:
        found = self.bus.past(lambda event: event.kind == "image")
        return [(event.action, event.actor.ident, event.actor.attributes) for event in found]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_docker_archive(bench: Bench) -> None:
    files = docker_files(["demo", "host:5/x:2"], BASE, TOP, architecture=HOST, config={"Labels": {"a": "b", "c": None}})
    assert await bench.load(files) == [
        {"stream": "Loaded image: demo:latest\n"},
        {"stream": "Loaded image: host:5/x:2\n"},
    ]
    (name, target), (other, same) = bench.names.pointed
    assert (name, other, same.digest) == ("docker.io/library/demo:latest", "host:5/x:2", target.digest)
    assert [found.annotations for found in (target, same)] == [
        {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "latest"},
        {"io.containerd.image.name": other, "org.opencontainers.image.ref.name": "2"},
    ]
    configured = digest(files["c.json"])
    manifest = bench.content.blobs[target.digest]
    assert manifest.decode() == (
        '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":'
        f'"application/vnd.docker.container.image.v1+json","digest":"{configured}","size":{len(files["c.json"])}}},'
        '"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar",'
        f'"digest":"{digest(BASE)}","size":10}},{{"mediaType":"application/vnd.docker.image.rootfs.diff.tar",'
        f'"digest":"{digest(TOP)}","size":9}}]}}'
    )
    chain = list(chain_ids([digest(BASE), digest(TOP)]))
    assert {found.name: found.parent for found in bench.snapshots.all.values()} == {chain[0]: "", chain[1]: chain[0]}
    assert bench.content.labels == {
        target.digest: {
            f"{GC}.content.config": configured,
            f"{GC}.content.l.0": digest(BASE),
            f"{GC}.content.l.1": digest(TOP),
        },
        configured: {f"{GC}.snapshot.overlayfs": chain[1]},
        digest(BASE): {"containerd.io/uncompressed": digest(BASE)},
        digest(TOP): {"containerd.io/uncompressed": digest(TOP)},
    }
    assert bench.events == [("load", target.digest, {"a": "b", "name": target.digest})] * 2


async def test_everything_is_under_a_lease_that_expires(bench: Bench) -> None:
    await bench.load(docker_files(["demo"], BASE))
    ((labels, expires),) = bench.leases.made
    assert labels == {"moby/prune.images": "true", "mark": "m"}
    assert expires is not None
    assert 7.9 < (expires - time.time_ns()) / 3600e9 <= 8


async def test_the_same_archive_again_changes_nothing(bench: Bench) -> None:
    archive = tar(docker_files(["demo"], BASE, TOP))
    await bench.load(archive)
    written, applied = len(bench.content.writes), len(bench.diff.applied)
    await bench.load(gzip.compress(archive))
    assert (len(bench.content.writes), len(bench.diff.applied)) == (written, applied)
    assert bench.names.pointed[0] == bench.names.pointed[1]
    assert ("snapshots/overlayfs", list(chain_ids([digest(BASE), digest(TOP)]))[1]) in bench.leases.held


async def test_layers_are_announced_unless_it_is_to_be_quiet(bench: Bench) -> None:
    messages = await bench.load(docker_files(["demo"], BASE), quiet=False)
    assert messages == [
        {
            "status": "Loading layer",
            "progressDetail": {"current": current, "total": 10},
            "id": digest(BASE).removeprefix("sha256:")[:12],
        }
        for current in (0, 10)
    ] + [{"stream": "Loaded image: demo:latest\n"}]


async def test_an_image_without_a_name(bench: Bench) -> None:
    messages = await bench.load(docker_files([], BASE))
    ((name, target),) = bench.names.pointed
    assert name == ""
    assert messages == [{"stream": f"Loaded image ID: {target.digest}\n"}]


async def test_old_archives_link_layers_that_they_share(bench: Bench) -> None:
    files = docker_files(["demo"], BASE, TOP, BASE)
    del files["2/layer.tar"]
    await bench.load(tar(files, {"2/layer.tar": "../0/layer.tar"}))
    assert len(bench.snapshots.all) == 3


async def test_compressed_layers_and_nulls(bench: Bench) -> None:
    files = docker_files(["demo"], BASE, variant=None, history=None)
    await bench.load(files | {"0/layer.tar": gzip.compress(BASE)})
    manifest = json.loads(bench.content.blobs[bench.names.pointed[0][1].digest])
    assert manifest["layers"][0]["mediaType"] == "application/vnd.docker.image.rootfs.diff.tar.gzip"


async def test_an_image_without_layers(bench: Bench) -> None:
    files = docker_files(["demo"]) | {"c.json": b'{"os":"linux","rootfs":{"type":"layers","diff_ids":null}}'}
    assert await bench.load(files) == [{"stream": "Loaded image: demo:latest\n"}]
    assert bench.snapshots.all == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"manifest.json": None}, "unrecognized image format"),
        ({"c.json": None}, 'image config "c.json" not found'),
        ({"0/layer.tar": None}, 'failed to resolve layers: layer "0/layer.tar" not found'),
        ({"manifest.json": b"[]"}, "image might be filtered out"),
        ({"manifest.json": b"{}"}, 'untar manifest "manifest.json": '),
        ({"manifest.json": b"[" * 100_000}, 'untar manifest "manifest.json": '),
        ({"manifest.json": b"\xff"}, 'untar manifest "manifest.json": '),
        ({"manifest.json": b'[{"Config":"../../c.json"}]'}, 'image config "../../c.json" not found'),
        (
            {"manifest.json": b'[{"Config":"c.json","RepoTags":["A b"],"Layers":["0/layer.tar"]}]'},
            'normalize image ref "A b": invalid reference',
        ),
        ({"c.json": b"[]"}, 'image config "c.json": '),
        ({"c.json": config(BASE, TOP)}, "Error unpacking image demo:latest: number of layers and diffIDs don't match"),
        (
            {"c.json": config(TOP)},
            f'Error unpacking image demo:latest: wrong diff id "{digest(BASE)}" calculated on extraction "',
        ),
        ({"c.json": b'{"rootfs":{"diff_ids":["x"]}}'}, 'Error unpacking image demo:latest: invalid diff id "x"'),
        (
            {"0/layer.tar": b"\x28\xb5\x2f\xfd"},
            "Error unpacking image demo:latest: failed to extract layer (application/vnd.docker.image.rootfs.diff.tar.",
        ),
    ],
)
async def test_bad_docker_archives(bench: Bench, change: dict[str, bytes | None], words: str) -> None:
    files = docker_files(["demo"], BASE) | change
    assert (await bench.fail({name: data for name, data in files.items() if data is not None})).startswith(words)
    assert (bench.names.pointed, bench.events, bench.snapshots.all) == ([], [], {})
    assert not any("containerd.io/uncompressed" in labels for labels in bench.content.labels.values())


async def test_images_before_a_failure_stay(bench: Bench) -> None:
    files = docker_files(["demo"], BASE)
    entry = json.loads(files["manifest.json"])[0]
    files["manifest.json"] = json.dumps([entry, entry | {"Config": "no"}]).encode()
    messages = await bench.load(files)
    assert messages[0] == {"stream": "Loaded image: demo:latest\n"}
    assert messages[1]["error"] == 'image config "no" not found'


async def test_somebody_else_unpacks_faster(bench: Bench) -> None:
    bench.snapshots.faster = digest(BASE)
    assert await bench.load(docker_files(["demo"], BASE)) == [{"stream": "Loaded image: demo:latest\n"}]
    assert list(bench.snapshots.all) == [digest(BASE)]


async def test_a_client_that_hangs_up_ends_the_load(bench: Bench, tmp_path: Path) -> None:
    messages = bench.loader.load(chunks(tar(docker_files(["demo"], BASE))), False, "")
    await anext(messages)
    assert len(bench.leases.open) == 1
    await messages.aclose()  # type: ignore[attr-defined]
    assert bench.leases.open == {}
    assert (list(tmp_path.iterdir()), bench.names.pointed) == ([], [])


async def test_an_oci_layout(bench: Bench) -> None:
    oci = OciFiles()
    named = {"io.containerd.image.name": "docker.io/library/a:1", "org.opencontainers.image.ref.name": "1", "x": "y"}
    image = oci.image(BASE, TOP, architecture=HOST, annotations=named)
    assert await bench.load(oci.top(image)) == [{"stream": "Loaded image: a:1\n"}]
    ((name, target),) = bench.names.pointed
    assert name == "docker.io/library/a:1"
    assert (target.digest, target.media_type, target.annotations) == (image["digest"], OCI_MANIFEST, named)
    assert list(chain_ids([digest(BASE), digest(TOP)])) == list(bench.snapshots.all)


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ({"org.opencontainers.image.ref.name": "alpine:3"}, "docker.io/library/alpine:3"),
        ({"org.opencontainers.image.ref.name": "ghcr.io/a/b"}, "ghcr.io/a/b:latest"),
        ({"org.opencontainers.image.ref.name": "3"}, ""),
        ({"io.containerd.image.name": "alpine"}, "docker.io/library/alpine:latest"),
        ({"io.containerd.image.name": "A B"}, ""),
        ({"io.containerd.image.name": f"a@sha256:{'0' * 64}"}, ""),
        (None, ""),
    ],
)
async def test_names_in_a_layout(bench: Bench, annotations: dict[str, str] | None, name: str) -> None:
    oci = OciFiles()
    await bench.load(oci.top(oci.image(BASE, annotations=annotations)))
    assert [found for found, _ in bench.names.pointed] == [name]


async def test_an_index_whose_other_platforms_are_absent(bench: Bench) -> None:
    oci = OciFiles()
    gone = oci.image(TOP, architecture=OTHER, platform=OTHER_JSON)
    oci.drop(gone)
    ours = oci.image(BASE, architecture=HOST, platform=HOST_JSON)
    proof = oci.image(b"{}", architecture="unknown", platform={"os": "unknown", "architecture": "unknown"})
    index = oci.index(gone, oci.index(ours), proof)
    await bench.load(oci.top(index))
    ((_, target),) = bench.names.pointed
    assert (target.digest, target.media_type) == (index["digest"], OCI_INDEX)
    labels = bench.content.labels[target.digest]
    assert sorted(labels) == [f"{GC}.content.m.1", f"{GC}.content.m.2"]
    assert labels[f"{GC}.content.m.2"] == proof["digest"]
    assert list(bench.snapshots.all) == [digest(BASE)]


async def test_a_platform_whose_layers_are_absent_is_left_out_whole(bench: Bench) -> None:
    oci = OciFiles()
    partial = oci.image(TOP, architecture=OTHER, platform=OTHER_JSON)
    del oci.files[f"blobs/sha256/{digest(gzip.compress(TOP, mtime=0)).removeprefix('sha256:')}"]
    ours = oci.image(BASE, architecture=HOST, platform=HOST_JSON)
    await bench.load(oci.top(oci.index(partial, ours)))
    assert partial["digest"] not in bench.content.blobs
    assert len(bench.names.pointed) == 1


async def test_blobs_that_the_store_has_need_not_be_in_the_archive(bench: Bench) -> None:
    oci = OciFiles()
    image = oci.image(BASE)
    files = oci.top(image)
    for name in [name for name in files if name.startswith("blobs/")]:
        bench.content.put(files.pop(name))
    await bench.load(files)
    assert [target.digest for _, target in bench.names.pointed] == [image["digest"]]
    assert ("content", image["digest"]) in bench.leases.held
    assert f"{GC}.content.l.0" in bench.content.labels[image["digest"]]


async def test_only_the_platform_that_is_asked_for_is_loaded(bench: Bench) -> None:
    oci = OciFiles()
    ours = oci.image(BASE, architecture=HOST, platform=HOST_JSON)
    theirs = oci.image(TOP, architecture=OTHER)
    await bench.load(oci.top(oci.index(ours, theirs)), platform=json.dumps(OTHER_JSON))
    assert list(bench.snapshots.all) == [digest(TOP)]
    assert ours["digest"] not in bench.content.blobs


async def test_a_platform_that_is_not_there(bench: Bench) -> None:
    wanted = json.dumps({"os": "linux", "architecture": "riscv64"})
    words = "requested platform (linux/riscv64) not found: "
    oci = OciFiles()
    image = oci.image(BASE)
    assert await bench.fail(docker_files(["demo"], BASE), wanted) == words + "image might be filtered out"
    assert (await bench.fail(oci.top(image), wanted)).startswith(words)
    assert (await bench.fail(oci.top(oci.index(image)), wanted)).startswith(words)
    assert (bench.names.pointed, bench.content.blobs) == ([], {})


async def test_bad_layouts(bench: Bench) -> None:
    oci = OciFiles()
    image = oci.image(BASE)
    files = oci.top(image)
    path = f"blobs/{image['digest'].replace(':', '/')}"
    deep = image
    for _ in range(5):
        deep = oci.index(deep)
    bad = [
        (files | {"oci-layout": b'{"imageLayoutVersion":"2"}'}, "unsupported OCI version 2"),
        ({"oci-layout": files["oci-layout"]}, "missing index.json in OCI layout 1.0.0"),
        ({name: files[name] for name in files if name != path}, f"content {image['digest']} is not in the archive"),
        (files | {path: b"x" * len(files[path])}, f"content {image['digest']}: unexpected digest"),
        (files | {path: b"x"}, f"content {image['digest']} has 1 bytes in the archive"),
        (oci.top(image | {"digest": "sha256:../../../x"}), 'invalid digest "sha256:../../../x"'),
        (oci.top(image | {"mediaType": "text/plain"}), 'unsupported media type "text/plain"'),
        (oci.top(deep), "index sha256:"),
        (oci.top(oci.index()), "index sha256:"),
        (oci.top(), "image might be filtered out"),
        (files | {"oci-layout": b"{"}, 'untar oci layout "oci-layout": '),
    ]
    for archive, words in bad:
        assert (await bench.fail(archive)).startswith(words)
    assert bench.names.pointed == []


async def test_a_layout_is_preferred_to_what_older_engines_read(bench: Bench) -> None:
    oci = OciFiles()
    await bench.load(docker_files(["old"], TOP) | oci.top(oci.image(BASE)))
    assert [name for name, _ in bench.names.pointed] == [""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("linux/amd64", "failed to parse platform: "),
        ("{}", "both OS and Architecture must be provided"),
        ('{"os":"linux"}', "both OS and Architecture must be provided"),
        ('{"variant":"v8"}', "optional platform fields provided, but OS and Architecture are missing"),
    ],
)
def test_a_bad_platform_is_refused_at_once(bench: Bench, text: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        bench.loader.load(chunks(b""), True, text)


@pytest.mark.parametrize(
    ("offered", "wanted", "fit"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/x86_64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v3", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_what_fits(offered: str, wanted: str, fit: bool) -> None:
    def platform(text: str) -> Platform:
        system, architecture, variant = (*text.split("/"), "")[:3]
        found = read_platform(json.dumps({"os": system, "architecture": architecture, "variant": variant}))
        assert found is not None
        assert show(found) == text
        return found

    assert fits(platform(offered), platform(wanted)) is fit
