from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.spec_facts import container, engine, facts
from wherry.base.errors import InvalidParameter
from wherry.model.container import MountPoint
from wherry.spec.mounts import build_mounts, rootfs_propagation
from wherry.spec.security import SecurityOptions
from wherry.spec.tmpfs import merge_options

PART = st.sampled_from(["a", "b", "dev", "etc", "hosts", "shm", "sys", "proc"])
PATH = st.lists(PART, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def destinations(mounts: list[dict[str, Any]]) -> list[str]:
    return [mount["destination"] for mount in mounts]


def bind(path: str) -> MountPoint:
    return MountPoint(type="bind", source="/src", destination=path, propagation="rprivate")


@given(st.lists(PATH, unique=True, max_size=8), st.lists(PATH, unique=True, max_size=4))
def test_nothing_that_was_asked_for_is_hidden(binds: list[str], tmpfs: list[str]) -> None:
    rec = container(tmpfs=dict.fromkeys(tmpfs, ""))
    order = destinations(build_mounts(rec, facts(mounts=tuple(map(bind, binds))), SecurityOptions()))
    assert len(set(order)) == len(order)
    assert {*binds, *tmpfs} <= set(order)
    for path in {*binds, *tmpfs}:
        above = {parent for parent in order if path.startswith(parent + "/")}
        assert all(order.index(parent) < order.index(path) for parent in above)


@given(st.lists(PATH, unique=True, max_size=8))
def test_the_order_asked_in_changes_no_parent(binds: list[str]) -> None:
    one = build_mounts(container(), facts(mounts=tuple(map(bind, binds))), SecurityOptions())
    other = build_mounts(container(), facts(mounts=tuple(map(bind, reversed(binds)))), SecurityOptions())
    assert sorted(destinations(one)) == sorted(destinations(other))


@pytest.mark.parametrize("privileged", [True, False])
def test_a_read_only_root_leaves_privileged_sys_writable(privileged: bool) -> None:
    rec = container(privileged=privileged, readonly_rootfs=True)
    mounts = {mount["destination"]: mount["options"] for mount in build_mounts(rec, facts(), SecurityOptions())}
    assert ("ro" in mounts["/sys"]) is not privileged
    assert ("ro" in mounts["/sys/fs/cgroup"]) is not privileged
    assert "ro" in mounts["/etc/hosts"]


def test_writable_cgroups() -> None:
    for word, privileged in ((True, False), (False, True)):
        mounts = build_mounts(container(privileged=privileged), facts(), SecurityOptions(writable_cgroups=word))
        options = next(mount["options"] for mount in mounts if mount["destination"] == "/sys/fs/cgroup")
        assert ("ro" in options) is not word


def test_a_mount_on_dev_takes_what_is_below() -> None:
    order = destinations(build_mounts(container(), facts(mounts=(bind("/dev"),)), SecurityOptions()))
    assert [path for path in order if path.startswith("/dev")] == ["/dev"]


def test_a_users_hosts_file_replaces_ours() -> None:
    mounts = build_mounts(container(), facts(mounts=(bind("/etc/hosts"),)), SecurityOptions())
    assert [mount["source"] for mount in mounts if mount["destination"] == "/etc/hosts"] == ["/src"]


def test_a_tmpfs_shadows_a_mount_on_the_same_path() -> None:
    rec = container(tmpfs={"/x/": "size=1m"})
    mounts = build_mounts(rec, facts(mounts=(MountPoint(type="tmpfs", destination="/x"),)), SecurityOptions())
    assert [mount["options"][-1] for mount in mounts if mount["destination"] == "/x"] == ["size=1m"]


def test_read_only_words() -> None:
    point = MountPoint(type="bind", source="/s", destination="/d", rw=False)
    insisting = MountPoint(type="bind", source="/s", destination="/d", rw=False, options=["rro"])
    old = facts(engine=engine(recursive_readonly=frozenset()))
    for given_facts, word in ((facts(mounts=(point,)), "rro"), (facts(engine=old.engine, mounts=(point,)), "ro")):
        assert build_mounts(container(), given_facts, SecurityOptions())[-4]["options"] == ["rbind", word]
    other = build_mounts(container(runtime="crun"), facts(mounts=(point,)), SecurityOptions())
    assert other[-4]["options"] == ["rbind", "ro"], "that runtime was not asked"
    with pytest.raises(InvalidParameter, match="rro is not supported"):
        build_mounts(container(), facts(engine=old.engine, mounts=(insisting,)), SecurityOptions())


def test_propagation_of_the_root() -> None:
    words = {"": "", "rprivate": "", "slave": "rslave", "rslave": "rslave", "shared": "shared", "rshared": "shared"}
    for word, wanted in words.items():
        assert rootfs_propagation([MountPoint(type="bind", destination="/d", propagation=word)]) == wanted
    assert (
        rootfs_propagation([MountPoint(type="bind", destination="/d", propagation=w) for w in ("shared", "rslave")])
        == "shared"
    )


# Each as dockerd 28.5 wrote it.
@pytest.mark.parametrize(
    ("given_options", "wanted"),
    [
        ("", "noexec nosuid nodev rprivate"),
        ("defaults", "noexec nosuid nodev rprivate"),
        ("size=1m,exec,mode=700", "nosuid nodev rprivate size=1m exec mode=700"),
        ("ro,size=1m,size=2m", "noexec nosuid nodev rprivate ro size=2m"),
        ("exec,suid,dev,relatime,rw,noatime", "rprivate exec suid dev relatime rw noatime"),
        ("shared", "noexec nosuid nodev shared"),
        ("ro,ro", "noexec nosuid nodev rprivate ro"),
    ],
)
def test_tmpfs_options(given_options: str, wanted: str) -> None:
    assert merge_options(given_options.split(",")) == wanted.split()


@pytest.mark.parametrize("option", ["foo", "size", "huge=always", " ro", "bind", "=3"])
def test_tmpfs_options_refused(option: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid tmpfs option"):
        merge_options([option])


@given(st.lists(st.sampled_from(["exec", "noexec", "ro", "rw", "size=1", "size=2", "dev", "shared", "rslave"])))
def test_tmpfs_last_answer_counts_and_merging_again_changes_nothing(options: list[str]) -> None:
    merged = merge_options(options)
    assert not options or options[-1] in merged
    assert set(merge_options(merged)) == set(merged)
    assert not {"exec", "noexec"} <= set(merged)
