"""The service modules: what they send, what they make of the answers, and what they forgive."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.unit.containerd_fakes import Script, serving
from wherry.base.errors import InvalidParameter, NotFound, Unavailable
from wherry.containerd import content, events, images, leases, snapshots, tasks
from wherry.containerd.containers import Containers
from wherry.containerd.diff import Diff
from wherry.containerd.gen.messages import CLASSES, AnyValue, Empty, Timestamp, message
from wherry.containerd.options import checkpoint_options, runc_options
from wherry.containerd.snapshots import MountSpec
from wherry.containerd.tasks import Exit, TaskState
from wherry.containerd.values import from_descriptor, to_descriptor
from wherry.containerd.version import snapshotters, version
from wherry.model.image import Descriptor

DIGEST = "sha256:" + "a" * 64


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


class Store:
    """A content service that keeps one write: enough to see what a writer does."""

    def __init__(self, script: Script, present: int = 0, exists: bool = False, locked: int = 0) -> None:
        self.requests: list[Any] = []
        self.aborted: list[str] = []
        self._present = present
        self._exists = exists
        self._locked = locked
        self.labelled = script.answer(f"{content.SERVICE}/Update", content.InfoResponse())
        script.duplex[f"{content.SERVICE}/Write"] = self.write
        script.unary[f"{content.SERVICE}/Abort"] = self.abort

    async def write(self, requests: Any, context: Any) -> AsyncIterator[bytes]:
        async for data in requests:
            request = content.WriteContentRequest.FromString(data)
            self.requests.append(request)
            if self._locked:
                self._locked -= 1
                await context.abort(grpc.StatusCode.UNAVAILABLE, "ref locked")
            if self._exists:
                await context.abort(grpc.StatusCode.ALREADY_EXISTS, "blob exists")
            offset = self._present if request.action == content.STAT else request.offset + len(request.data)
            yield content.WriteContentResponse(offset=offset).SerializeToString()

    async def abort(self, request: bytes, context: Any) -> bytes:
        self.aborted.append(content.AbortRequest.FromString(request).ref)
        return b""

    @property
    def actions(self) -> list[tuple[int, int, int]]:
        return [(request.action, request.offset, len(request.data)) for request in self.requests]


async def test_content_is_written_in_whole_chunks_and_committed(tmp_path: Path) -> None:
    size = content.CHUNK + 3
    async with serving(tmp_path) as (script, channel):
        store = Store(script)
        parts = pieces(b"x" * (content.CHUNK - 1), b"yyyy")
        await content.Content(channel).write(DIGEST, size, parts, {"k": "v"}, "l", "ref")
    assert store.actions == [(0, 0, 0), (1, 0, content.CHUNK), (1, content.CHUNK, 3), (2, size, 0)]
    last = store.requests[-1]
    assert (last.expected, last.total, dict(last.labels)) == (DIGEST, size, {"k": "v"})
    assert not store.aborted


async def test_content_that_exists_gets_the_labels_and_no_bytes(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        store = Store(script, exists=True)
        await content.Content(channel).write(DIGEST, 1, pieces(b"x"), {"k": "v"}, "l", "ref")
    assert store.actions == [(0, 0, 0)]
    [(request, _)] = store.labelled
    assert list(content.UpdateRequest.FromString(request).update_mask.paths) == ["labels.k"]
    assert not store.aborted


async def test_content_of_another_namespace_is_committed_unread(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        store = Store(script, present=4)
        await content.Content(channel).write(DIGEST, 4, pieces(b"xxxx"), {}, "l", "ref")
    assert store.actions == [(0, 0, 0), (2, 4, 0)]


async def test_a_name_that_is_locked_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        store = Store(script, locked=1)
        await content.Content(channel).write(DIGEST, 1, pieces(b"x"), {}, "l", "ref")
    assert store.actions == [(0, 0, 0), (0, 0, 0), (1, 0, 1), (2, 1, 0)]


@pytest.mark.parametrize("parts", [(b"xxx",), (b"xxxxx",), ()])
async def test_content_of_a_wrong_size_is_dropped(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    async with serving(tmp_path) as (script, channel):
        store = Store(script)
        with pytest.raises(InvalidParameter, match="not 4"):
            await content.Content(channel).write(DIGEST, 4, pieces(*parts), {}, "l", "ref")
    assert store.aborted == ["ref"]


async def test_a_failing_source_stays_the_error_and_the_content_is_dropped(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise InvalidParameter("bad archive")

    async with serving(tmp_path) as (script, channel):
        Store(script)
        script.refuse(f"{content.SERVICE}/Abort", grpc.StatusCode.INTERNAL, "no")
        with pytest.raises(InvalidParameter, match="bad archive") as raised:
            await content.Content(channel).write(DIGEST, 4, broken(), {}, "l", "ref")
    assert raised.value.__notes__ == ["could not drop the partial content ref: no"]


async def test_setting_no_label_sends_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        seen = script.answer(f"{content.SERVICE}/Update", content.InfoResponse())
        await content.Content(channel).label(DIGEST, {})
    assert not seen


async def test_reading_content_is_bounded(tmp_path: Path) -> None:
    async def read(request: bytes, context: Any) -> AsyncIterator[bytes]:
        size = content.ReadContentRequest.FromString(request).size or 6
        for at in range(0, size, 4):
            yield content.ReadContentResponse(offset=at, data=b"abcdef"[at : min(at + 4, size)]).SerializeToString()

    async with serving(tmp_path) as (script, channel):
        script.stream[f"{content.SERVICE}/Read"] = read
        store = content.Content(channel)
        assert [chunk async for chunk in store.stream(DIGEST)] == [b"abcd", b"ef"]
        with pytest.raises(InvalidParameter, match="larger than 3 bytes"):
            await store.read(DIGEST, limit=3)


async def test_regroup_keeps_the_bytes() -> None:
    found = [piece async for piece in content.regroup(pieces(b"ab", b"", b"cdefg", b"h"), 3)]
    assert found == [b"abc", b"def", b"gh"]


async def test_a_missing_blob_does_not_exist(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        script.refuse(f"{content.SERVICE}/Info", grpc.StatusCode.NOT_FOUND, "no")
        assert not await content.Content(channel).exists(DIGEST)


async def test_leases_expire_in_whole_seconds_since_the_epoch(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        seen = script.answer(f"{leases.SERVICE}/Create", Empty())
        await leases.Leases(channel).create("l", {"a": "b"}, expire_ns=1_700_000_000_900_000_000)
        await leases.Leases(channel).create("l")
    first, second = (leases.CreateRequest.FromString(request) for request, _ in seen)
    assert dict(first.labels) == {"a": "b", "containerd.io/gc.expire": "2023-11-14T22:13:20Z"}
    assert not second.labels


async def test_deleting_what_is_missing_is_fine_where_said(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        for method in (f"{leases.SERVICE}/Delete", f"{snapshots.SERVICE}/Remove", f"{images.SERVICE}/Delete"):
            script.refuse(method, grpc.StatusCode.NOT_FOUND, "no")
        script.refuse("containerd.services.containers.v1.Containers/Delete", grpc.StatusCode.NOT_FOUND, "no")
        await leases.Leases(channel).delete("l")
        await snapshots.Snapshots(channel, "overlayfs").remove("k")
        await Containers(channel).delete("c")
        with pytest.raises(NotFound):
            await images.Images(channel).delete("n")


async def test_what_was_said_at_the_making_answers_the_first_question_for_mounts(tmp_path: Path) -> None:
    said = snapshots.MountsResponse(mounts=[snapshots.MountMessage(type="bind", source="/made")])
    asked = snapshots.MountsResponse(mounts=[snapshots.MountMessage(type="bind", source="/asked")])
    async with serving(tmp_path) as (script, channel):
        script.answer(f"{snapshots.SERVICE}/Prepare", said)
        calls = script.answer(f"{snapshots.SERVICE}/Mounts", asked)
        script.answer(f"{snapshots.SERVICE}/Remove", Empty())
        service = snapshots.Snapshots(channel, "overlayfs")
        await service.prepare("a", "parent")
        assert [mount.source for mount in await service.mounts("a")] == ["/made"]
        assert [mount.source for mount in await service.mounts("a")] == ["/asked"]
        await service.prepare("b", "parent")
        await service.remove("b")
        assert [mount.source for mount in await service.mounts("b")] == ["/asked"]
        for number in range(snapshots.FRESH + 1):
            await service.prepare(str(number), "parent")
        await service.mounts("1")
        assert len(calls) == 2
        await service.mounts("0")
        assert len(calls) == 3


async def test_images_round_trip(tmp_path: Path) -> None:
    target = Descriptor(media_type="m", digest=DIGEST, size=5, annotations={"a": "b"})
    async with serving(tmp_path) as (script, channel):
        made = images.ImageMessage(
            name="n", labels={"l": "1"}, created_at=Timestamp(seconds=1), target={"digest": DIGEST, "size": 5}
        )
        seen = script.answer(f"{images.SERVICE}/Create", images.ImageResponse(image=made))
        record = await images.Images(channel).create("n", target, {"l": "1"}, "lease")
    [(request, headers)] = seen
    sent = images.CreateImageRequest.FromString(request).image
    assert (sent.name, sent.target.digest, dict(sent.target.annotations)) == ("n", DIGEST, {"a": "b"})
    assert headers["containerd-lease"] == "lease"
    assert record == images.ImageRecord("n", Descriptor(digest=DIGEST, size=5), {"l": "1"}, 1_000_000_000, 0)


async def test_snapshots_name_their_snapshotter_and_list_all_pages(tmp_path: Path) -> None:
    mount = {"type": "overlay", "source": "overlay", "options": ["lowerdir=/l", "ro"]}

    async def pages(request: bytes, context: Any) -> AsyncIterator[bytes]:
        for name, kind in (("a", 2), ("b", 3)):
            info = {"name": name, "kind": kind, "parent": "p"}
            yield snapshots.ListSnapshotsResponse(info=[info]).SerializeToString()

    async with serving(tmp_path) as (script, channel):
        seen = script.answer(f"{snapshots.SERVICE}/Prepare", snapshots.MountsResponse(mounts=[mount]))
        script.stream[f"{snapshots.SERVICE}/List"] = pages
        service = snapshots.Snapshots(channel, "overlayfs")
        mounts = await service.prepare("k", "p", "lease")
        found = await service.list()
    assert mounts == [MountSpec("overlay", "overlay", ("lowerdir=/l", "ro"))]
    assert snapshots.PrepareSnapshotRequest.FromString(seen[0][0]).snapshotter == "overlayfs"
    assert seen[0][1]["containerd-lease"] == "lease"
    assert [(info.name, info.kind) for info in found] == [("a", "active"), ("b", "committed")]


async def test_diff_sends_mounts_and_returns_the_uncompressed(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        reply = CLASSES["containerd.services.diff.v1.ApplyResponse"](applied={"digest": DIGEST, "size": 9})
        seen = script.answer("containerd.services.diff.v1.Diff/Apply", reply)
        applied = await Diff(channel).apply(Descriptor(digest="d"), [MountSpec("bind", "/s", ("rw",))], "lease")
    assert applied == Descriptor(digest=DIGEST, size=9)
    sent = CLASSES["containerd.services.diff.v1.ApplyRequest"].FromString(seen[0][0])
    assert (sent.mounts[0].source, list(sent.mounts[0].options)) == ("/s", ["rw"])


async def test_containers_carry_spec_and_options_as_any(tmp_path: Path) -> None:
    service = "containerd.services.containers.v1"
    options = runc_options("crun", "/run/x", systemd_cgroup=True)
    async with serving(tmp_path) as (script, channel):
        reply = message(f"{service}.ContainerMessage")
        seen = script.answer(f"{service}.Containers/Create", reply())
        containers = Containers(channel)
        await containers.create("c", b"{}", "io.containerd.runc.v2", options, {"k": "v"})
        await containers.create("c", b"{}", "io.containerd.kata.v2", None, {})
        first, second = (reply.FromString(request).container for request, _ in seen)
        script.answer(f"{service}.Containers/Get", reply(container=first))
        record = await containers.get("c")
    assert first.spec.type_url == "types.containerd.io/opencontainers/runtime-spec/1/Spec"
    assert first.runtime.options.type_url == "containerd.runc.v1.Options"
    assert not second.runtime.HasField("options")
    assert (record.runtime, record.options, record.spec) == ("io.containerd.runc.v2", options, b"{}")


async def test_tasks_send_what_they_are_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        created = script.answer(f"{tasks.SERVICE}/Create", tasks.CreateTaskResponse(pid=42))
        added = script.answer(f"{tasks.SERVICE}/Exec", Empty())
        killed = script.answer(f"{tasks.SERVICE}/Kill", Empty())
        service = tasks.Tasks(channel)
        assert await service.create("c", "", "/out", "/err", False, None) == 42
        await service.exec("c", "e", b'{"args":["x"]}', "", "/o", "/e", True)
        await service.kill("c", 9, everyone=True)
    create = tasks.CreateTaskRequest.FromString(created[0][0])
    assert (create.stdout, create.stderr, create.HasField("options")) == ("/out", "/err", False)
    execute = tasks.ExecProcessRequest.FromString(added[0][0])
    assert execute.spec.type_url == "types.containerd.io/opencontainers/runtime-spec/1/Process"
    assert (execute.exec_id, execute.terminal) == ("e", True)
    assert tasks.KillRequest.FromString(killed[0][0]).all


async def test_tasks_write_checkpoints_and_restore_them(tmp_path: Path) -> None:
    tar = Descriptor(media_type=tasks.CHECKPOINT_MEDIA_TYPE, digest=DIGEST, size=7)
    async with serving(tmp_path) as (script, channel):
        reply = tasks.CheckpointTaskResponse(descriptors=[to_descriptor(tar)])
        written = script.answer(f"{tasks.SERVICE}/Checkpoint", reply)
        created = script.answer(f"{tasks.SERVICE}/Create", tasks.CreateTaskResponse())
        service = tasks.Tasks(channel)
        assert await service.checkpoint("c", checkpoint_options(True, "/work"), "lease") == [tar]
        assert await service.create("c", "", "", "", False, None, tar) == 0
    [(request, headers)] = written
    sent = tasks.CheckpointTaskRequest.FromString(request)
    assert (sent.container_id, sent.options.type_url) == ("c", "containerd.runc.v1.CheckpointOptions")
    assert sent.options.value == b"\x08\x01\x4a\x05/work"
    assert headers["containerd-lease"] == "lease"
    assert from_descriptor(tasks.CreateTaskRequest.FromString(created[0][0]).checkpoint) == tar


async def test_a_lease_is_held_meanwhile_and_an_old_one_ended_before(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        deleted = script.answer(f"{leases.SERVICE}/Delete", Empty())
        created = script.answer(f"{leases.SERVICE}/Create", Empty())
        async with leases.Leases(channel).held("l", {"a": "b"}) as lease:
            assert (lease, len(deleted), len(created)) == ("l", 1, 1)
        assert len(deleted) == 2


async def test_tasks_tell_states_and_exits(tmp_path: Path) -> None:
    at = Timestamp(seconds=3, nanos=4)
    process = {"id": "c", "pid": 9, "status": 3, "exit_status": 137, "exited_at": at}
    async with serving(tmp_path) as (script, channel):
        script.answer(f"{tasks.SERVICE}/Get", tasks.GetResponse(process=process))
        script.answer(f"{tasks.SERVICE}/Wait", tasks.WaitResponse(exit_status=137, exited_at=at))
        script.answer(f"{tasks.SERVICE}/ListPids", tasks.ListPidsResponse(processes=[{"pid": 9}, {"pid": 10}]))
        service = tasks.Tasks(channel)
        assert await service.get("c") == TaskState("c", 9, "stopped", 137, 3_000_000_004)
        assert await service.wait("c", deadline=5) == Exit(137, 3_000_000_004)
        assert await service.pids("c") == [9, 10]


async def test_version_and_snapshotters(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        reply = CLASSES["containerd.services.version.v1.VersionResponse"](version="1.6.20", revision="r")
        script.answer("containerd.services.version.v1.Version/Version", reply)
        plugins = [{"id": "overlayfs"}, {"id": "zfs", "init_err": {"code": 2, "message": "skip plugin"}}]
        script.answer(
            "containerd.services.introspection.v1.Introspection/Plugins",
            CLASSES["containerd.services.introspection.v1.PluginsResponse"](plugins=plugins),
        )
        assert await version(channel) == ("1.6.20", "r")
        assert await snapshotters(channel) == {"overlayfs": "", "zfs": "skip plugin"}


def envelope(topic: str, kind: str, value: Any) -> Any:
    return events.EnvelopeMessage(
        topic=topic, namespace="moby", timestamp=Timestamp(nanos=1), event=AnyValue(type_url=kind, value=value)
    )


class Exchange:
    """An event service: what is published goes to the subscriber, but the first probe comes too early."""

    def __init__(self, script: Script, *others: Any) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.filters: list[str] = []
        self.probes = 0
        self._others = others
        script.unary[f"{events.SERVICE}/Publish"] = self.publish
        script.stream[f"{events.SERVICE}/Subscribe"] = self.subscribe

    async def publish(self, request: bytes, context: Any) -> bytes:
        self.probes += 1
        if self.probes > 1:
            self.queue.put_nowait(
                envelope(events.PublishRequest.FromString(request).topic, "google.protobuf.Empty", b"")
            )
        if self.probes == 2:
            for other in self._others:
                self.queue.put_nowait(other)
        return b""

    async def subscribe(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        self.filters = list(events.SubscribeRequest.FromString(request).filters)
        while (found := await self.queue.get()) is not None:
            yield found.SerializeToString()


async def test_events_begin_when_the_subscription_is_live(tmp_path: Path) -> None:
    exit_ = CLASSES["containerd.events.TaskExit"](container_id="c", id="e", exit_status=3, exited_at=Timestamp(nanos=7))
    known = envelope("/tasks/exit", "containerd.events.TaskExit", exit_.SerializeToString())
    prefixed = envelope("/tasks/oom", "types.containerd.io/containerd.events.TaskOOM", b"\x0a\x01c")
    unknown = envelope("/else", "somebody.Elses", b"\xff")
    async with serving(tmp_path) as (script, channel):
        exchange = Exchange(script, known, prefixed, unknown, None)
        stream = events.subscribe(channel, ["namespace==moby"])
        found = [await anext(stream) for _ in range(4)]
        with pytest.raises(Unavailable, match="ended the stream"):
            await anext(stream)
    assert [each.topic for each in found] == [events.SUBSCRIBED, "/tasks/exit", "/tasks/oom", "/else"]
    assert found[1].event == {"container_id": "c", "id": "e", "pid": 0, "exit_status": 3, "exited_at": 7}
    assert found[2].event == {"container_id": "c"}
    assert found[3].event == {}
    assert exchange.probes >= 2
    assert exchange.filters[0] == "namespace==moby"
    assert exchange.filters[1].startswith('topic=="/wherry/subscribed/')
