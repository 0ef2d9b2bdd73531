"""Pull from a registry in the box: tags, digests, tokens, what is broken, what breaks off, and run."""

import gzip
import hashlib
import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.box import Box
from tests.real.engine import Engine
from tests.real.registry import Json, Registry
from tests.real.test_images import pack
from wherry.main.demo import find_busybox, make_layer

PORTS = itertools.count(5101)
OCI = "application/vnd.oci.image"
PRIVATE = "pull access denied for {}, repository does not exist or may require 'docker login'"


@pytest.fixture
def registry(box: Box, tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path / "registry", next(PORTS)).serve(*box.enter()) as served:
        yield served


def add_image(registry: Registry, repository: str, *tags: str, broken: bool = False, **platform: str) -> Json:
    """Add an image of two layers that runs; each is another one."""
    with open(find_busybox(), "rb") as file:
        names = ["sh", "cat", "echo", repository.replace("/", "-")]
        layers = [make_layer(file.read(), names), pack({"mark": repository.encode()})]
    packed = []
    for layer in layers:
        data = gzip.compress(layer, 1, mtime=0)
        stored = data[:-1] + b"?" if broken else None
        packed.append(registry.add_blob(data, f"{OCI}.layer.v1.tar+gzip", stored))
    config: dict[str, Any] = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]}}
    config["config"]["Labels"] = {"of": repository}
    config["rootfs"] = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]}
    made = registry.add_blob(json.dumps(config | platform).encode(), f"{OCI}.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": made, "layers": packed}
    return registry.add_manifest(repository, manifest, *tags)


def refused(engine: Engine, ref: str) -> str:
    done = engine.docker("pull", ref)
    assert done.returncode == 1, done.stdout
    assert engine.ok("images", "-q", ref.partition("@")[0]) == ""
    return done.stderr.decode()


def log_in(engine: Engine, host: str, user: str, password: str) -> None:
    """Write what `docker login` would: this engine has no login."""
    directory = engine.root / ".docker"
    directory.mkdir(exist_ok=True)
    auth = subprocess.run(
        ["base64"], input=f"{user}:{password}".encode(), capture_output=True, check=True
    ).stdout.decode()
    (directory / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth.strip()}}}))


def content(engine: Engine) -> list[str]:
    """Digests of what the store holds, and what is being written."""
    address = str(engine.exec / "containerd" / "containerd.sock")
    command = ["ctr", "-a", address, "-n", "moby", "content"]
    active = engine.box.output(*command, "active").splitlines()[1:]
    return engine.box.output(*command, "ls", "-q").split() + [line.split()[0] for line in active]


def test_pull_by_tag(engine: Engine, registry: Registry) -> None:
    made = add_image(registry, "team/one", "1")
    ref = f"{registry.host}/team/one:1"
    lines = engine.ok("pull", ref).splitlines()
    assert lines[0] == "1: Pulling from team/one"
    assert lines[-3:] == [f"Digest: {made['digest']}", f"Status: Downloaded newer image for {ref}", ref]
    assert sum(line.endswith(": Pulling fs layer") for line in lines) == 2
    assert sum(line.endswith(": Pull complete") for line in lines) == 2
    assert engine.ok("run", "--rm", ref, "cat", "/mark") == "team/one"
    assert f"Status: Image is up to date for {ref}" in engine.ok("pull", ref)
    found = engine.inspect(ref)
    assert found["RepoDigests"] == [f"{registry.host}/team/one@{made['digest']}"]
    engine.ok("rmi", ref)


def test_messages_and_event(engine: Engine, registry: Registry) -> None:
    add_image(registry, "team/told", "1")
    client = engine.client()
    ref = f"{registry.host}/team/told"
    events = client.events(decode=True, filters={"type": "image"})
    messages = list(client.api.pull(ref, "1", stream=True, decode=True))
    ids = [message["id"] for message in messages if message["status"] == "Pulling fs layer"]
    assert messages[0] == {"status": "Pulling from team/told", "id": "1"}
    for ident in ids:
        told = [message["status"] for message in messages if message.get("id") == ident]
        kept = [status for status in dict.fromkeys(told) if status != "Downloading"]
        assert kept == ["Pulling fs layer", "Verifying Checksum", "Download complete", "Extracting", "Pull complete"]
    event = next(events)
    assert (event["Action"], event["Actor"]["ID"]) == ("pull", f"{ref}:1")
    assert event["Actor"]["Attributes"] == {"name": ref, "of": "team/told"}
    events.close()
    client.close()
    engine.ok("rmi", f"{ref}:1")


def test_pull_by_digest(engine: Engine, registry: Registry) -> None:
    made = add_image(registry, "team/two", "1")
    ref = f"{registry.host}/team/two@{made['digest']}"
    assert engine.ok("pull", ref).splitlines()[-1] == ref
    assert engine.ok("run", "--rm", ref, "echo", "up") == "up"
    engine.ok("rmi", ref)


def test_a_tag_that_moves(engine: Engine, registry: Registry) -> None:
    ref = f"{registry.host}/team/moves:1"
    add_image(registry, "team/moves", "1", author="first")
    engine.ok("pull", ref)
    old = engine.ok("images", "-q", "--no-trunc", ref)
    add_image(registry, "team/moves", "1", author="second")
    said = engine.ok("pull", ref)
    assert "Downloaded newer image" in said
    assert "Pulling fs layer" not in said
    assert engine.ok("images", "-q", "--no-trunc", ref) != old
    assert engine.ok("run", "--rm", old, "echo", "still there") == "still there"
    engine.ok("rmi", ref, old)


def test_platforms(engine: Engine, registry: Registry) -> None:
    children = []
    for architecture in ("arm64", "amd64"):
        made = add_image(registry, "team/many", architecture=architecture)
        children.append({**made, "platform": {"os": "linux", "architecture": architecture}})
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": children}
    made = registry.add_manifest("team/many", index, "1")
    ref = f"{registry.host}/team/many:1"
    assert f"Digest: {made['digest']}" in engine.ok("pull", ref)
    assert engine.ok("run", "--rm", ref, "echo", "up") == "up"
    assert engine.inspect(ref)["Architecture"] == "amd64"
    done = engine.docker("pull", "--platform", "linux/s390x", ref)
    assert "no matching manifest for linux/s390x in the manifest list entries" in done.stderr.decode()
    assert "Downloaded newer image" in engine.ok("pull", "--platform", "linux/arm64", ref)
    engine.ok("rmi", ref)


def test_all_tags(engine: Engine, registry: Registry) -> None:
    add_image(registry, "team/every", "1", "2")
    name = f"{registry.host}/team/every"
    engine.ok("pull", "-a", name)
    assert set(engine.ok("images", "--format", "{{.Tag}}", name).split()) == {"1", "2"}
    engine.ok("rmi", f"{name}:1", f"{name}:2")


def test_what_is_not_there(engine: Engine, registry: Registry) -> None:
    add_image(registry, "team/three", "1")
    name = f"{registry.host}/team/three"
    assert f"manifest for {name}:no not found: manifest unknown" in refused(engine, f"{name}:no")
    assert "not found" in refused(engine, f"{name}@sha256:{'0' * 64}")
    assert "not found" in refused(engine, f"{registry.host}/team/none:1")
    assert "connect: connection refused" in refused(engine, "127.0.0.1:1/team/none:1")


def test_private_repositories(engine: Engine, registry: Registry) -> None:
    made = {kind: add_image(registry, f"{kind}/x", "1") for kind in ("private", "basic")}
    name = f"{registry.host}/private/x"
    assert PRIVATE.format(name) in refused(engine, f"{name}:1")
    assert PRIVATE.format(f"{registry.host}/private/none") in refused(engine, f"{registry.host}/private/none:1")
    assert "no basic auth credentials" in refused(engine, f"{registry.host}/basic/x:1")
    try:
        log_in(engine, registry.host, "joe", "wrong")
        assert PRIVATE.format(name) in refused(engine, f"{name}:1")
        log_in(engine, registry.host, "joe", "secret")
        for kind, target in made.items():
            assert target["digest"] in engine.ok("pull", f"{registry.host}/{kind}/x:1")
            engine.ok("rmi", f"{registry.host}/{kind}/x:1")
    finally:
        (engine.root / ".docker" / "config.json").unlink()


def test_broken_content(engine: Engine, registry: Registry) -> None:
    before = content(engine)
    add_image(registry, "team/broken", "1", broken=True)
    assert "filesystem layer verification failed for digest sha256:" in refused(
        engine, f"{registry.host}/team/broken:1"
    )
    made = add_image(registry, "team/lies", "1")
    path = registry.directory / "repos" / "team" / "lies" / made["digest"]
    path.write_bytes(path.read_bytes().replace(b'"schemaVersion": 2', b'"schemaVersion": 1'))
    said = refused(engine, f"{registry.host}/team/lies@{made['digest']}")
    assert "manifest" in said
    assert sorted(content(engine)) == sorted(before)


def test_a_download_goes_on_where_it_broke_off(engine: Engine, registry: Registry) -> None:
    add_image(registry, "cut/x", "1")
    ref = f"{registry.host}/cut/x:1"
    assert "Retrying in 1 second" in engine.ok("pull", ref)
    ranges = [request["Range"] for request in registry.requests() if request["Range"]]
    assert len(ranges) == 1
    assert int(ranges[0].removeprefix("bytes=").removesuffix("-")) > 0
    assert engine.ok("run", "--rm", ref, "echo", "up") == "up"
    engine.ok("rmi", ref)


def test_blobs_elsewhere(engine: Engine, registry: Registry) -> None:
    add_image(registry, "moved/x", "1")
    engine.ok("pull", f"{registry.host}/moved/x:1")
    assert {request["host"].partition(":")[0] for request in registry.requests()} == {"127.0.0.1", "localhost"}
    engine.ok("rmi", f"{registry.host}/moved/x:1")


def test_run_of_an_absent_image(engine: Engine, registry: Registry) -> None:
    add_image(registry, "team/run", "latest")
    ref = f"{registry.host}/team/run"
    done = engine.docker("run", "--rm", ref, "echo", "came")
    assert done.stdout == b"came\n"
    assert f"Unable to find image '{ref}:latest' locally" in done.stderr.decode()
    engine.ok("rmi", ref)


def test_two_clients_share_one_download(engine: Engine, registry: Registry) -> None:
    add_image(registry, "team/shared", "1", "2")
    name = f"{registry.host}/team/shared"
    pulls = [engine.popen("pull", "-q", f"{name}:{tag}") for tag in ("1", "2")]
    assert [pull.wait(timeout=60) for pull in pulls] == [0, 0]
    for pull in pulls:
        pull.communicate()
    blobs = [request["path"] for request in registry.requests() if "/blobs/" in request["path"]]
    layers = [path for path in blobs if blobs.count(path) > 1]
    assert len(set(layers)) <= 1, "only the config, which is no layer, may come twice"
    engine.ok("rmi", f"{name}:1", f"{name}:2")


def test_a_client_that_hangs_up(own: Engine, registry: Registry) -> None:
    own.start()
    add_image(registry, "slow/x", "1")
    ref = f"{registry.host}/slow/x:1"
    with own.popen("pull", ref) as pull:
        assert pull.stdout is not None
        for line in pull.stdout:
            if b"Download complete" in line:
                break
        pull.kill()
    held = content(own)
    while any(entry.startswith("pull-") for entry in held):
        held = content(own)
    before = len(registry.requests())
    assert f"Status: Downloaded newer image for {ref}" in own.ok("pull", ref)
    blobs = [request for request in registry.requests()[before:] if "/blobs/" in request["path"]]
    assert len(blobs) == 1, "what had come is still there"
    assert own.ok("run", "--rm", "--network", "none", ref, "echo", "up") == "up"
    assert own.stop() == 0, own.tail()


def test_mirror(own: Engine, registry: Registry) -> None:
    made = add_image(registry, "library/thing", "latest")
    own.start("--registry-mirror", f"http://{registry.host}", "--insecure-registry", "r.example:5000")
    lines = own.ok("pull", "thing").splitlines()
    assert lines[:2] == ["Using default tag: latest", "latest: Pulling from library/thing"]
    assert lines[-3:] == [
        f"Digest: {made['digest']}",
        "Status: Downloaded newer image for thing:latest",
        "docker.io/library/thing:latest",
    ]
    info = json.loads(own.ok("info", "--format", "{{json .RegistryConfig}}"))
    assert info["Mirrors"] == [f"http://{registry.host}/"]
    assert info["IndexConfigs"]["r.example:5000"]["Secure"] is False
    assert own.stop() == 0, own.tail()
