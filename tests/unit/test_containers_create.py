"""Creating: the merge with the image, what is stored, the names, and that a failure leaves nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from wherry.base.errors import Conflict, EngineError, InvalidParameter, NotFound, System, Unimplemented
from wherry.base.events import EventBus
from wherry.base.faults import Faults
from wherry.base.units import format_time
from wherry.containers.create import Checked, Create, check_request, prepare, with_runtime
from wherry.containers.defaults import Defaults, Kernel, merge_image
from wherry.containers.inspect import hidden_paths
from wherry.containers.layer import Layers
from wherry.containers.news import News
from wherry.containers.platforms import check_platform
from wherry.containers.wishes import DEPRECATED_MAC
from wherry.images.platforms import parse_platform
from wherry.model.container import (
    ContainerConfig,
    CreateRequest,
    EndpointIPAMConfig,
    EndpointSettings,
    HealthConfig,
    HostConfig,
    LogConfig,
    Mount,
    NetworkingConfig,
)
from wherry.model.image import Descriptor, ImageConfig, Platform
from wherry.runtimes.configured import Configured
from wherry.runtimes.registry import LEGACY, Host, Runtimes
from wherry.runtimes.scripts import Scripts
from wherry.state.record import Record
from wherry.state.store import Store

NOW = (1, 51)
MAC = "02:42:ac:11:00:02"
HOST = Platform(os="linux", architecture="amd64")
DEFAULTS = Defaults(
    kernel=Kernel(cgroup_version=1, oom_kill_disable=True),
    host_name="boathouse",
    log_options={"max-size": "1m"},
    masked_paths=("/proc/kcore",),
    readonly_paths=("/proc/sys",),
)

RUNTIMES = Runtimes(Host(same_path=False, unified=False), Scripts("/no/scripts"))


@dataclass(frozen=True)
class FakeImage:
    config: ImageConfig = ImageConfig(os="linux", architecture="amd64", config={"Cmd": ["sh"]})
    target: Descriptor = Descriptor(digest="sha256:" + "a" * 64)
    manifest: Descriptor = Descriptor(digest="sha256:" + "b" * 64)
    chain_id: str = "sha256:" + "c" * 64


def image(**config: Any) -> FakeImage:
    return FakeImage(ImageConfig(os="linux", architecture="amd64", config=config))


def no_network(_ref: str) -> None:
    """No network is known."""


def made(
    request: CreateRequest,
    found: FakeImage | None = None,
    version: tuple[int, int] = NOW,
    defaults: Defaults = DEFAULTS,
) -> tuple[Record, list[str]]:
    checked = with_runtime(check_request(request, version, defaults, no_network), RUNTIMES)
    return prepare(checked, found or FakeImage(), defaults, "f" * 64, 7)


def stored(host: HostConfig, version: tuple[int, int] = NOW, defaults: Defaults = DEFAULTS) -> HostConfig:
    return made(CreateRequest(image="busybox", host_config=host), version=version, defaults=defaults)[0].host_config


def test_the_runtime_is_filled_in() -> None:
    runtimes = Runtimes(Host(unified=False), Scripts("/no/scripts"))
    runtimes.configure({"mine": Configured(path="/bin/true")}, "mine")

    def settled(name: str) -> Checked:
        request = CreateRequest(image="busybox", host_config=HostConfig(runtime=name))
        return with_runtime(check_request(request, NOW, DEFAULTS, no_network), runtimes)

    assert settled("").host_config.runtime == "mine"
    assert settled("runc").host_config.runtime == "runc"
    assert settled("io.containerd.kata.v2").host_config.runtime == "io.containerd.kata.v2"
    assert settled(LEGACY).warnings == (
        f'Configured runtime "{LEGACY}" is deprecated and will be removed in the next release',
    )
    with pytest.raises(InvalidParameter, match="^unknown or invalid runtime name: x$"):
        settled("x")


def test_an_empty_request_has_no_config() -> None:
    with pytest.raises(InvalidParameter, match="^config cannot be empty in order to create a container$"):
        check_request(CreateRequest(), NOW, DEFAULTS, no_network)


def test_a_container_without_command_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="^no command specified$"):
        made(CreateRequest(image="busybox"), image())


def test_silence_is_filled_with_defaults() -> None:
    host = stored(HostConfig())
    assert host.log_config == LogConfig(type="json-file", config={"max-size": "1m"})
    assert (host.network_mode, host.ipc_mode, host.cgroupns_mode, host.runtime) == ("bridge", "private", "host", "runc")
    assert (host.shm_size, host.restart_policy.name, host.port_bindings) == (64 << 20, "no", None)
    assert (host.masked_paths, host.readonly_paths) == (None, None), "so that each start takes those of its engine"
    shown = hidden_paths(host, DEFAULTS)
    assert shown == {"MaskedPaths": ["/proc/kcore"], "ReadonlyPaths": ["/proc/sys"]}
    assert (host.oom_kill_disable, host.pids_limit, host.binds, host.security_opt) == (False, None, None, None)


def test_null_and_empty_stay_apart() -> None:
    host = stored(HostConfig(dns=[], cap_add=None, masked_paths=[], devices=[]))
    assert (host.dns, host.cap_add, host.masked_paths, host.devices) == ([], None, [], [])
    assert hidden_paths(host, DEFAULTS) == {"ReadonlyPaths": ["/proc/sys"]}


@pytest.mark.parametrize(("version", "mode"), [((1, 39), "shareable"), ((1, 40), "private")])
def test_old_clients_share_ipc(version: tuple[int, int], mode: str) -> None:
    assert stored(HostConfig(), version).ipc_mode == mode


def test_cgroup_v2_has_a_namespace_of_its_own() -> None:
    assert stored(HostConfig(), defaults=Defaults(kernel=Kernel(cgroup_version=2))).cgroupns_mode == "private"


def test_privileged_is_neither_masked_nor_labelled() -> None:
    host = stored(HostConfig(privileged=True))
    assert (host.masked_paths, host.readonly_paths, host.security_opt) == (None, None, ["label=disable"])
    assert hidden_paths(host, DEFAULTS) == {}
    kept = stored(HostConfig(pid_mode="host", security_opt=["label:disable"]))
    assert kept.security_opt == ["label:disable"]


def test_swap_is_twice_the_memory_unless_said() -> None:
    assert stored(HostConfig(memory=10**8)).memory_swap == 2 * 10**8
    assert stored(HostConfig(memory=10**8, memory_swap=-1)).memory_swap == -1


def test_options_of_the_daemon_are_for_its_own_driver() -> None:
    assert stored(HostConfig(log_config=LogConfig(type="none"))).log_config == LogConfig(type="none", config={})
    merged = stored(HostConfig(log_config=LogConfig(config={"max-size": "2m", "max-file": "3"})))
    assert merged.log_config.config == {"max-size": "2m", "max-file": "3"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (LogConfig(type="parrot"), 'error looking up logging plugin parrot: plugin "parrot" not found'),
        (LogConfig(config={"a": "b"}), "unknown log opt 'a' for json-file log driver"),
    ],
)
def test_a_bad_log_configuration_is_refused(config: LogConfig, words: str) -> None:
    with pytest.raises(InvalidParameter) as raised:
        stored(HostConfig(log_config=config))
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("asked", "theirs", "entrypoint", "cmd"),
    [
        ((None, None), (["e"], ["c"]), ["e"], ["c"]),
        ((None, ["x"]), (["e"], ["c"]), ["e"], ["x"]),
        (([], None), (["e"], ["c"]), [], ["c"]),
        ((["x"], None), (["e"], ["c"]), ["x"], None),
        (([""], None), (["e"], ["c"]), None, None),
        (([""], ["x"]), (["e"], ["c"]), None, ["x"]),
        ((None, []), (None, ["c"]), None, ["c"]),
    ],
)
def test_entrypoint_and_command_merge(
    asked: tuple[list[str] | None, list[str] | None],
    theirs: tuple[list[str], list[str]],
    entrypoint: list[str] | None,
    cmd: list[str] | None,
) -> None:
    merged = merge_image(
        ContainerConfig(entrypoint=asked[0], cmd=asked[1]), {"Entrypoint": theirs[0], "Cmd": theirs[1]}
    )
    assert (merged.entrypoint, merged.cmd) == (entrypoint, cmd)


def test_the_image_fills_what_is_silent() -> None:
    merged = merge_image(
        ContainerConfig(env=["A", "B=ours"], labels={"k": "ours"}, exposed_ports={"81": {}}),
        {
            "User": "root",
            "WorkingDir": "/wd",
            "StopSignal": "SIGUSR1",
            "Env": ["A=1", "B=2", "C=3"],
            "Labels": {"k": "theirs", "l": "theirs"},
            "ExposedPorts": {"80/tcp": {}},
            "Volumes": {"/v": {}},
            "Healthcheck": {"Test": ["CMD", "true"], "Retries": 3},
            "Shell": ["/bin/ash"],
            "Hostname": None,
        },
    )
    assert (merged.user, merged.working_dir, merged.stop_signal) == ("root", "/wd", "SIGUSR1")
    assert merged.env == ["A", "B=ours", "C=3"]
    assert merged.labels == {"k": "ours", "l": "theirs"}
    assert (merged.exposed_ports, merged.volumes) == ({"80/tcp": {}, "81/tcp": {}}, {"/v": {}})
    assert (merged.healthcheck, merged.shell) == (HealthConfig(test=["CMD", "true"], retries=3), None)


def test_nothing_from_an_image_without_config() -> None:
    merged = merge_image(ContainerConfig(image="scratch", cmd=["x"]), None)
    assert (merged.labels, merged.env, merged.volumes, merged.exposed_ports) == ({}, None, None, None)


def test_zero_fields_of_a_health_check_are_inherited() -> None:
    ours = ContainerConfig(healthcheck=HealthConfig(test=["NONE"], retries=2))
    merged = merge_image(ours, {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**9, "Retries": 5}})
    assert merged.healthcheck == HealthConfig(test=["NONE"], interval=10**9, retries=2)


@pytest.mark.parametrize("config", [{"Cmd": 5}, {"ExposedPorts": {"x": {}}}, {"StopSignal": "SIGNONE"}])
def test_a_malformed_image_is_named(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match="^image busybox has a malformed config: .*; build or load it again$"):
        merge_image(ContainerConfig(image="busybox"), config)


def test_the_check_of_an_image_is_kept() -> None:
    rec, warnings = made(CreateRequest(image="busybox"), image(Cmd=["sh"], Healthcheck={"Test": ["CMD", "true"]}))
    assert rec.config.healthcheck == HealthConfig(test=["CMD", "true"])
    assert warnings == []


def test_the_hostname_is_the_short_id_or_the_hosts() -> None:
    assert made(CreateRequest(image="busybox"))[0].config.hostname == "f" * 12
    shared = CreateRequest(image="busybox", host_config=HostConfig(network_mode="host"))
    assert made(shared)[0].config.hostname == "boathouse"


def test_the_working_directory_is_cleaned() -> None:
    assert made(CreateRequest(image="busybox", working_dir="/a/../b/"))[0].config.working_dir == "/b"


def wished(version: tuple[int, int] = NOW, mac: str = "", mode: str = "", **endpoints: EndpointSettings | None) -> Any:
    request = CreateRequest(
        image="busybox",
        mac_address=mac,
        host_config=HostConfig(network_mode=mode),
        networking_config=NetworkingConfig(endpoints_config=dict(endpoints)),
    )
    rec, warnings = made(request, version=version)
    return rec.endpoints_wished, warnings


@pytest.mark.parametrize("mode", ["bridge", "host", "none"])
def test_a_container_without_wishes_has_one_endpoint(mode: str) -> None:
    assert wished(mode=mode) == ({mode: EndpointSettings()}, [])


def test_default_is_another_word_for_bridge() -> None:
    assert wished(default=EndpointSettings(mac_address=MAC))[0] == {"bridge": EndpointSettings(mac_address=MAC)}


def test_the_mac_of_the_container_moves_to_its_endpoint() -> None:
    there = {"bridge": EndpointSettings(mac_address=MAC)}
    assert wished(mac=MAC) == (there, [DEPRECATED_MAC])
    assert wished((1, 43), mac=MAC) == (there, [])
    assert wished((1, 43), bridge=EndpointSettings(mac_address=MAC)) == ({"bridge": EndpointSettings()}, [])
    assert wished(mac=MAC, mode="host") == ({"host": EndpointSettings()}, [DEPRECATED_MAC])


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"bridge": None}, "invalid config for network bridge: EndpointsConfig is nil"),
        (
            {"bridge": EndpointSettings(ipam_config=EndpointIPAMConfig(ipv4_address="x"), aliases=["a"])},
            "invalid config for network bridge: invalid endpoint settings:\n"
            "* user specified IP address is supported on user defined networks only\n"
            "* network-scoped alias is supported only for containers in user defined networks\n"
            "* invalid IPv4 address: x",
        ),
        ({"bridge": EndpointSettings(mac_address="zz")}, "invalid config for network bridge: invalid MAC address zz"),
        (
            {"mac": MAC, "bridge": EndpointSettings(mac_address="02:42:ac:11:00:03")},
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
            "or be left empty",
        ),
        (
            {"version": (1, 43), "mac": MAC, "mode": "host"},
            "conflicting options: mac-address and the network mode",
        ),
    ],
)
def test_a_bad_wish_is_refused(wish: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter) as raised:
        wished(**wish)
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("", None),
        ("linux", HOST),
        ("arm64", Platform(os="linux", architecture="arm64")),
        ("linux/x86_64", HOST),
        ("linux/arm/v7", Platform(os="linux", architecture="arm", variant="v7")),
    ],
)
def test_a_platform_is_read(text: str, platform: Platform | None) -> None:
    assert parse_platform(text, HOST) == platform


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo", '"foo": unknown operating system or architecture: invalid argument'),
        (
            "linux/a@b",
            '"a@b" is an invalid component of "linux/a@b": platform specifier component must match '
            '"^[A-Za-z0-9_.-]+$": invalid argument',
        ),
    ],
)
def test_a_bad_platform_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as raised:
        parse_platform(text, HOST)
    assert str(raised.value) == words


def test_an_image_of_another_platform_is_warned_of_or_refused() -> None:
    arm = Platform(os="linux", architecture="arm64", variant="v8")
    (warning,) = check_platform("busybox", arm, None, HOST)
    assert warning.startswith(
        "The requested image's platform (linux/arm64/v8) does not match the detected host platform"
    )
    assert check_platform("busybox", arm, Platform(os="linux", architecture="arm64"), HOST) == []
    with pytest.raises(NotFound, match=r"does not provide the specified platform \(linux/amd64\)$"):
        check_platform("busybox", arm, HOST, HOST)


# The verb, with a real store and fakes of what other rooms give.


@dataclass
class FakeImages:
    found: dict[str, FakeImage] = field(default_factory=lambda: {"busybox": FakeImage()})
    unpacked: list[str] = field(default_factory=list)
    asked: list[set[str]] = field(default_factory=list)
    """The snapshots that were there at each question, or soon after."""
    made: dict[str, object] = field(default_factory=dict)

    async def resolve(self, ref: str) -> FakeImage:
        await asyncio.sleep(0)  # a question lets the others run, as a call to containerd does
        self.asked.append(set(self.made))
        if ref not in self.found:
            raise NotFound(f"No such image: {ref}:latest")
        return self.found[ref]

    async def unpack(self, ref: str) -> None:
        self.unpacked.append(ref)


@dataclass
class FakeSnapshots:
    """The writable snapshots by key, each with its parent and labels."""

    made: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    full: bool = False
    away: bool = False
    parentless: int = 0
    """How many times more the parent is missing."""

    async def prepare(self, key: str, parent: str, *, labels: dict[str, str]) -> None:
        if self.full:
            raise System("no space left on device")
        if self.parentless:
            self.parentless -= 1
            raise NotFound(f"parent snapshot {parent} does not exist: not found")
        self.made[key] = (parent, labels)

    async def remove(self, key: str) -> None:
        if self.away:
            raise System("containerd is away")
        self.made.pop(key, None)


@dataclass
class FakeVolumes:
    """Notes which containers were created while their volumes were held."""

    held: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def claimed(self, rec: Record) -> AsyncIterator[None]:
        yield
        self.held.append(rec.id)


@dataclass
class Bench:
    store: Store
    bus: EventBus = field(default_factory=EventBus)
    images: FakeImages = field(default_factory=FakeImages)
    snapshots: FakeSnapshots = field(default_factory=FakeSnapshots)
    layers: Layers = field(init=False)
    volumes: FakeVolumes = field(default_factory=FakeVolumes)
    runtimes: Runtimes = field(default_factory=lambda: Runtimes(Host(same_path=False), Scripts("/no/scripts")))

    def __post_init__(self) -> None:
        self.layers = Layers(self.snapshots, {"owner": "test"})
        self.images.made = cast(dict[str, object], self.snapshots.made)

    @property
    def create(self) -> Create:
        return Create(
            self.images,
            self.store,
            self.layers,
            self.volumes,
            News(self.bus),
            DEFAULTS,
            self.runtimes,
            no_network,
            lambda: None,
        )

    def is_clean(self) -> bool:
        return not self.snapshots.made and not self.bus.past(lambda event: True)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = Store(str(tmp_path / "w.db"), Faults({}))
    await store.open()
    yield Bench(store)
    await store.close()


REQUEST = CreateRequest(image="busybox", labels={"tier": "web"})


async def test_a_created_container_is_stored_and_told_of(bench: Bench) -> None:
    answer = await bench.create("/boat", REQUEST, "", NOW)
    rec = bench.store.get("boat")
    assert (answer.id, answer.warnings, rec.path, rec.image_id) == (rec.id, [], "sh", "sha256:" + "a" * 64)
    labels = {"owner": "test", "containerd.io/gc.root": format_time(rec.created)}
    assert bench.snapshots.made == {rec.id: ("sha256:" + "c" * 64, labels)}
    (event,) = bench.bus.past(lambda event: True)
    assert (event.action, event.actor.ident) == ("create", rec.id)
    assert event.actor.attributes == {"tier": "web", "image": "busybox", "name": "boat"}


async def test_nameless_containers_get_names_of_their_own(bench: Bench) -> None:
    for _ in range(20):
        await bench.create("", REQUEST, "", NOW)
    names = {rec.name for rec in bench.store.all()}
    assert len(names) == 20
    assert all("_" in name for name in names)


async def test_the_mounts_of_request_and_image_are_stored(bench: Bench) -> None:
    bench.images.found["busybox"] = image(Cmd=["sh"], Volumes={"/image": {}})
    request = CreateRequest(image="busybox", volumes={"/v": {}}, host_config=HostConfig(binds=["/srv:/image"]))
    await bench.create("boat", request, "", NOW)
    bind, volume = bench.store.get("boat").mounts
    assert bench.volumes.held == [bench.store.get("boat").id]
    assert (bind.type, bind.source, bind.destination) == ("bind", "/srv", "/image")
    assert (volume.type, volume.destination) == ("volume", "/v")
    assert volume.source.endswith(f"/volumes/{volume.name}/_data")


async def test_a_source_that_must_exist_is_looked_at(bench: Bench, tmp_path: Path) -> None:
    missing = f"{tmp_path}/missing"
    request = CreateRequest(
        image="busybox", host_config=HostConfig(mounts=[Mount(type="bind", source=missing, target="/m")])
    )
    with pytest.raises(InvalidParameter, match=f"bind source path does not exist: {missing}"):
        await bench.create("boat", request, "", NOW)
    assert bench.is_clean()


async def test_a_taken_name_leaves_nothing_behind(bench: Bench) -> None:
    first = await bench.create("boat", REQUEST, "", NOW)
    with pytest.raises(Conflict, match=rf'The container name "/boat" is already in use by container "{first.id}"'):
        await bench.create("boat", REQUEST, "", NOW)
    assert set(bench.snapshots.made) == {first.id}
    assert len(bench.store.all()) == 1


@pytest.mark.parametrize(
    ("name", "request_", "platform", "kind", "words"),
    [
        ("", CreateRequest(image="nope"), "", NotFound, "No such image: nope:latest"),
        ("", CreateRequest(cmd=["x"]), "", Unimplemented, "a container without an image"),
        ("", CreateRequest(hostname="x"), "", InvalidParameter, "no command specified"),
        ("a/b", REQUEST, "", InvalidParameter, r"Invalid container name \(a/b\)"),
        ("", REQUEST, "linux/arm64", NotFound, "does not provide the specified platform"),
    ],
)
async def test_a_refusal_has_no_effect(
    bench: Bench, name: str, request_: CreateRequest, platform: str, kind: type[EngineError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        await bench.create(name, request_, platform, NOW)
    assert bench.is_clean()


async def test_a_failing_snapshot_leaves_nothing(bench: Bench) -> None:
    bench.snapshots.full = True
    with pytest.raises(System, match="no space left"):
        await bench.create("boat", REQUEST, "", NOW)
    assert bench.is_clean()


async def test_an_image_that_nobody_has_unpacked_is_when_its_snapshot_is_missing(bench: Bench) -> None:
    bench.snapshots.parentless = 1
    await bench.create("boat", REQUEST, "", NOW)
    rec = bench.store.get("boat")
    assert bench.images.unpacked == [rec.image_id]
    assert set(bench.snapshots.made) == {rec.id}


async def test_an_image_that_cannot_be_unpacked_leaves_nothing(bench: Bench) -> None:
    bench.snapshots.parentless = 2
    with pytest.raises(NotFound, match="parent snapshot"):
        await bench.create("boat", REQUEST, "", NOW)
    assert bench.is_clean()


async def test_the_layer_is_begun_on_what_the_name_meant_last_time(bench: Bench) -> None:
    first = await bench.create("one", REQUEST, "", NOW)
    bench.images.asked.clear()
    second = await bench.create("two", REQUEST, "", NOW)
    assert bench.images.asked == [{first.id, second.id}], "its snapshot was there when containerd said what it is"
    assert set(bench.snapshots.made) == {first.id, second.id}


async def test_a_name_that_means_something_else_now_gets_another_layer(bench: Bench) -> None:
    await bench.create("one", REQUEST, "", NOW)
    bench.images.found["busybox"] = replace(image(Cmd=["sh"]), chain_id="sha256:" + "d" * 64)
    await bench.create("two", REQUEST, "", NOW)
    parent, _ = bench.snapshots.made[bench.store.get("two").id]
    assert parent == bench.store.get("two").image_chain == "sha256:" + "d" * 64


async def test_a_layer_that_was_begun_for_an_image_that_is_gone_goes_too(bench: Bench) -> None:
    first = await bench.create("one", REQUEST, "", NOW)
    del bench.images.found["busybox"]
    with pytest.raises(NotFound, match="No such image"):
        await bench.create("two", REQUEST, "", NOW)
    assert set(bench.snapshots.made) == {first.id}
    bench.images.found["busybox"] = FakeImage()
    bench.snapshots.full = True
    with pytest.raises(System, match="no space left"):
        await bench.create("two", REQUEST, "", NOW)
    assert set(bench.snapshots.made) == {first.id}


async def test_a_failing_undo_never_hides_the_first_error(bench: Bench) -> None:
    bench.snapshots.full = bench.snapshots.away = True
    with pytest.raises(System, match="no space left") as raised:
        await bench.create("boat", REQUEST, "", NOW)
    assert "containerd is away" in raised.value.__notes__[0]


async def test_a_runtime_without_its_program_is_told_before_anything_is_taken(bench: Bench) -> None:
    RUNTIMES.choose("runc").check_program()  # a name on the PATH of another containerd is its own affair
    bench.runtimes.configure({"gone": Configured(path="/no/such/program")}, "gone")
    with pytest.raises(InvalidParameter, match="^error while looking up the specified runtime path: runtime .gone. "):
        await bench.create("", CreateRequest(image="busybox"), "", NOW)
    assert bench.is_clean()
