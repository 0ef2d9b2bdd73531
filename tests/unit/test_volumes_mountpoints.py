import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.base.errors import InvalidParameter, Unimplemented
from wherry.model.container import (
    BindOptions,
    ContainerConfig,
    HostConfig,
    Mount,
    MountPoint,
    TmpfsOptions,
    VolumeDriverConfig,
    VolumeOptions,
)
from wherry.volumes.mountpoints import resolve_mountpoints, touches
from wherry.volumes.syntax import MODE_GROUPS, valid_mode

ROOT = "/var/lib/wherry"
BIND = {"type": "bind", "source": "/srv", "target": "/x"}


def resolve(volumes: list[str] | None = None, **host_config: Any) -> tuple[MountPoint, ...]:
    counter = itertools.count()
    return resolve_mountpoints(
        ContainerConfig(volumes={path: {} for path in volumes or []}),
        HostConfig(**host_config),
        data_root=ROOT,
        new_name=lambda: f"{next(counter):064x}",
    )


def one(**host_config: Any) -> MountPoint:
    (point,) = resolve(**host_config)
    return point


def test_a_bind() -> None:
    point = one(binds=["/srv/../srv/data/:/x/../y/:ro,z,rslave,cached"])
    assert (point.type, point.source, point.destination) == ("bind", "/srv/data", "/y")
    assert (point.mode, point.rw, point.propagation) == ("ro,z,rslave,cached", False, "rslave")
    assert point.create_source


def test_a_bind_without_words() -> None:
    for raw in ("/srv:/x", "/srv:/x:"):
        point = one(binds=[raw])
        assert (point.mode, point.rw, point.propagation, point.recursive) == ("", True, "rprivate", True)


def test_anonymous_volumes_and_the_mode_each_shows() -> None:
    points = resolve(["/c"], binds=["/a"], mounts=[Mount(type="volume", target="/b")])
    assert [(point.destination, point.mode, point.driver) for point in points] == [
        ("/a", "z", "local"),
        ("/b", "z", "local"),
        ("/c", "", "local"),
    ]
    assert len({point.name for point in points}) == 3
    assert all(point.source == f"{ROOT}/volumes/{point.name}/_data" for point in points)
    assert all(point.propagation == "" for point in points)


def test_named_volumes() -> None:
    for raw, mode, rw, no_copy in (
        ("data:/x", "z", True, False),
        ("data:/x:ro", "ro", False, False),
        ("data:/x:nocopy,rw", "nocopy,rw", True, True),
    ):
        point = one(binds=[raw])
        assert (point.type, point.name, point.driver, point.named) == ("volume", "data", "local", True)
        assert (point.mode, point.rw, point.no_copy) == (mode, rw, no_copy)
        assert (point.source, point.propagation) == (f"{ROOT}/volumes/data/_data", "")


def test_named_volumes_of_mounts() -> None:
    options = VolumeOptions(no_copy=True, driver_config=VolumeDriverConfig(name="far"))
    point = one(mounts=[Mount(type="volume", source="data", target="/x", read_only=True, volume_options=options)])
    assert (point.name, point.driver, point.mode, point.rw, point.no_copy) == ("data", "far", "z", False, True)
    assert point.named


def test_the_driver_of_the_container_is_that_of_binds_and_declared_volumes() -> None:
    mounts = [Mount(type="volume", source="data", target="/c")]
    points = resolve(["/a"], binds=["data:/b"], mounts=mounts, volume_driver="far")
    assert [point.driver for point in points] == ["far", "far", "local"]


def test_declared_volumes_give_way() -> None:
    points = resolve(["/x/", "/t", "/own"], binds=["/srv:/x"], tmpfs={"/t": ""})
    assert [(point.type, point.destination) for point in points] == [("volume", "/own"), ("bind", "/x")]


def test_a_tmpfs_mount_may_share_its_path_with_the_tmpfs_map() -> None:
    assert one(mounts=[Mount(type="tmpfs", target="/x")], tmpfs={"/x": "size=1m"}).type == "tmpfs"


# Each text as dockerd 28.5 answered.
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", "invalid volume specification: ''"),
        ("a:ro", "invalid volume specification: 'a:ro'"),
        ("/x:ro", "invalid volume specification: '/x:ro'"),
        (":/x", "invalid volume specification: ':/x'"),
        ("/srv:", "invalid volume specification: '/srv:'"),
        ("/a:/b:/c:/d", "invalid volume specification: '/a:/b:/c:/d'"),
        ("/srv:/x:ro,rw", "invalid mode: ro,rw"),
        ("/srv:/x:foo", "invalid mode: foo"),
        ("/srv:/x:ro,ro", "invalid mode: ro,ro"),
        ("C:/x:/y", "invalid mode: /y"),
        (
            "/srv:/x:nocopy",
            "invalid volume specification: '/srv:/x:nocopy': invalid mount config for type \"bind\": "
            "field VolumeOptions must not be specified",
        ),
        (
            "/srv:/",
            "invalid volume specification: '/srv:/': invalid mount config for type \"bind\": "
            "invalid specification: destination can't be '/'",
        ),
        (
            "/srv:rel",
            "invalid volume specification: '/srv:rel': invalid mount config for type \"bind\": "
            "invalid mount path: 'rel' mount path must be absolute",
        ),
        (
            "/srv::ro",
            "invalid volume specification: '/srv::ro': invalid mount config for type \"bind\": "
            "field Target must not be empty",
        ),
        ("a:/x", "create a: volume name is too short, names should be at least two alphanumeric characters"),
        (
            "rel/a:/x",
            'create rel/a: "rel/a" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
        ),
        (
            "data:/x:shared",
            "invalid volume specification: 'data:/x:shared': invalid mount config for type \"volume\": "
            "field BindOptions must not be specified",
        ),
        (
            "/:/x:rprivate",
            'invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within '
            'the daemon root, daemon root: "/var/lib/wherry", bind mount source: "/", propagation: "rprivate"',
        ),
    ],
)
def test_binds_refused(raw: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        resolve(binds=[raw])
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("mount", "reason"),
    [
        (Mount(type="tmpfs"), "field Target must not be empty"),
        (Mount(type="tmpfs", target="/x", source="a"), "field Source must not be specified"),
        (Mount(type="tmpfs", target="/x", tmpfs_options=TmpfsOptions(options=[["foo"]])), "invalid option: foo"),
        (Mount(type="tmpfs", target="/x", tmpfs_options=TmpfsOptions(options=[["size", "1"]])), "invalid option: size"),
        (Mount(type="tmpfs", target="/x", tmpfs_options=TmpfsOptions(options=[[]])), "invalid option array length"),
        (Mount(type="bind", target="/x"), "field Source must not be empty"),
        (Mount(type="bind", target="/x", source="rel"), "invalid mount path: 'rel' mount path must be absolute"),
        (Mount(type="bind", target="/", source="/srv"), "invalid specification: destination can't be '/'"),
        (Mount(**BIND, bind_options=BindOptions(propagation="foo")), "invalid propagation mode: foo"),
        (Mount(**BIND, image_options={}), "field ImageOptions must not be specified"),
        (Mount(type="foo", target="/x"), "mount type unknown"),
        (Mount(type="cluster", source="a", target="/x"), "mount type unknown"),
        (
            Mount(type="volume", target="/x", volume_options=VolumeOptions(subpath="a")),
            "must not set Subpath when using anonymous volumes",
        ),
        (
            Mount(type="volume", source="ab", target="/x", volume_options=VolumeOptions(subpath="../a")),
            "subpath must be a relative path within the volume",
        ),
        (
            Mount(type="volume", target="/x", read_only=True),
            "must not set ReadOnly mode when using anonymous volumes",
        ),
    ],
)
def test_mounts_refused(mount: Mount, reason: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        resolve(mounts=[mount])
    assert str(caught.value) == f'invalid mount config for type "{mount.type}": {reason}'


def test_option_blocks_of_other_types() -> None:
    with pytest.raises(InvalidParameter, match='^BindOptions must not be specified on mount type "tmpfs"$'):
        resolve(mounts=[Mount(type="tmpfs", target="/x", bind_options=BindOptions())])
    with pytest.raises(InvalidParameter, match='^VolumeOptions must not be specified on mount type "bind"$'):
        resolve(mounts=[Mount(**BIND, volume_options=VolumeOptions())])


@pytest.mark.parametrize(
    ("read_only", "options", "words"),
    [
        (True, {"read_only_non_recursive": True}, ["ro"]),
        (True, {"read_only_force_recursive": True}, ["rro"]),
        (True, {}, None),
    ],
)
def test_read_only_words(read_only: bool, options: dict[str, bool], words: list[str] | None) -> None:
    point = one(mounts=[Mount(**BIND, read_only=read_only, bind_options=BindOptions(**options))])
    assert (point.rw, point.options) == (not read_only, words)


@pytest.mark.parametrize(
    ("read_only", "options", "text"),
    [
        (False, {"read_only_non_recursive": True}, "!ReadOnly && BindOptions.ReadOnlyNonRecursive"),
        (False, {"read_only_force_recursive": True}, "!ReadOnly && BindOptions.ReadOnlyForceRecursive"),
        (
            True,
            {"read_only_non_recursive": True, "read_only_force_recursive": True},
            "ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive",
        ),
    ],
)
def test_read_only_contradictions(read_only: bool, options: dict[str, bool], text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        resolve(mounts=[Mount(**BIND, read_only=read_only, bind_options=BindOptions(**options))])
    assert str(caught.value) == f"mount options conflict: {text}"


def test_a_bind_mount_must_exist_unless_it_may_be_made() -> None:
    assert not one(mounts=[Mount(**BIND)]).create_source
    assert one(mounts=[Mount(**BIND, bind_options=BindOptions(create_mountpoint=True))]).create_source


@pytest.mark.parametrize(
    ("options", "read_only", "words"),
    [
        (TmpfsOptions(size_bytes=4096, mode=0o770), False, ["mode=770", "size=4k"]),
        (
            TmpfsOptions(size_bytes=3 << 20, mode=0o1777, options=[["exec"]]),
            True,
            ["ro", "mode=1777", "size=3m", "exec"],
        ),
        (TmpfsOptions(size_bytes=1000), False, ["size=1000"]),
        (TmpfsOptions(size_bytes=1 << 50), False, ["size=1048576g"]),
        (None, False, []),
    ],
)
def test_tmpfs_words(options: TmpfsOptions | None, read_only: bool, words: list[str]) -> None:
    point = one(mounts=[Mount(type="tmpfs", target="/x", read_only=read_only, tmpfs_options=options)])
    assert (point.options, point.rw, point.source) == (words, not read_only, "")


@pytest.mark.parametrize(
    "host_config",
    [
        {"binds": ["/srv:/x", "/srv:/x/"]},
        {"binds": ["/srv:/x"], "mounts": [Mount(**BIND)]},
        {"mounts": [Mount(**BIND), Mount(type="tmpfs", target="/x")]},
        {"binds": ["/srv:/x"], "tmpfs": {"/x": ""}},
    ],
)
def test_duplicates(host_config: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match="^Duplicate mount point: /x$"):
        resolve(**host_config)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("rel", "invalid mount path: 'rel' mount path must be absolute"),
        ("/", "invalid specification: destination can't be '/'"),
    ],
)
def test_tmpfs_paths(path: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        resolve(tmpfs={path: ""})
    assert str(caught.value) == text


def test_not_yet() -> None:
    with pytest.raises(Unimplemented):
        resolve(mounts=[Mount(type="image", source="busybox", target="/x")])


def test_what_is_inherited_gives_way_to_the_request() -> None:
    theirs = [MountPoint(type="bind", source="/s", destination=path) for path in ("/a", "/b", "/c")]
    config, host = ContainerConfig(volumes={"/b": {}}), HostConfig(binds=["/mine:/a"])
    found = resolve_mountpoints(config, host, data_root=ROOT, inherited=theirs)
    assert [(point.destination, point.source) for point in found] == [("/a", "/mine"), ("/b", "/s"), ("/c", "/s")]


def test_the_data_root_is_not_held() -> None:
    for source in ("/", "/var/lib", ROOT, f"{ROOT}/containers"):
        assert one(binds=[f"{source}:/x"]).propagation == "rslave"
        assert one(binds=[f"{source}:/x:rshared"]).propagation == "rshared"
    assert one(binds=[f"{ROOT}-other:/x"]).propagation == "rprivate"


@given(st.lists(st.sampled_from(sorted({word for group in MODE_GROUPS for word in group})), max_size=4))
def test_modes(words: list[str]) -> None:
    unambiguous = all(sum(word in group for word in words) <= 1 for group in MODE_GROUPS)
    assert valid_mode(",".join(words)) is unambiguous


PATH = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3).map(lambda parts: "/" + "/".join(parts))


@given(PATH, PATH)
def test_touching_is_symmetric(one_path: str, other: str) -> None:
    assert touches(one_path, other) is touches(other, one_path)
    assert touches(one_path, one_path + "/child")


@given(st.lists(PATH.filter(lambda path: path != "/"), unique=True), st.lists(PATH.filter(lambda path: path != "/")))
def test_each_destination_once_in_order(binds: list[str], declared: list[str]) -> None:
    points = resolve(declared, binds=[f"/srv:{path}" for path in binds])
    paths = [point.destination for point in points]
    assert paths == sorted({*binds, *declared})
    assert {point.destination for point in points if point.type == "bind"} == set(binds)


@given(st.text(alphabet="ab/:.,ro", max_size=12))
def test_any_bind_is_a_mount_point_or_our_error(raw: str) -> None:
    try:
        point = one(binds=[raw])
    except (InvalidParameter, Unimplemented):
        return
    assert point.destination.startswith("/")
    assert point.destination != "/"
    assert ".." not in point.destination.split("/")
