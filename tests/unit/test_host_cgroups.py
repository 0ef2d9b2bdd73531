from pathlib import Path

import pytest

from wherry.host.cgroups import Mode, parse_mounts, read_cgroups

V1 = ("memory", "cpu,cpuacct", "pids")


def line(path: str, kind: str, options: str) -> str:
    return f"30 20 0:26 / {path} rw,nosuid shared:9 - {kind} {kind} rw,{options}"


def machine(tmp_path: Path, lines: list[str]) -> tuple[str, str]:
    root, info = tmp_path / "cgroup", tmp_path / "mountinfo"
    root.mkdir(exist_ok=True)
    info.write_text("\n".join(text.replace("ROOT", str(root)) for text in lines) + "\n")
    return str(root), str(info)


def test_v2(tmp_path: Path) -> None:
    root, info = machine(tmp_path, [line("ROOT", "cgroup2", "nsdelegate")])
    (tmp_path / "cgroup/cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup/cpuset.cpus.effective").write_text("0-3\n")
    child = tmp_path / "cgroup/system.slice"
    child.mkdir()
    (child / "memory.max").write_text("max")
    groups = read_cgroups(root, info)
    assert (groups.mode, groups.version, groups.cpuset_cpus) == (Mode.V2, 2, "0-3")
    assert (groups.memory, groups.pids, groups.cpu_quota, groups.oom_kill_disable) == (True, True, True, False)
    assert groups.swap is False
    (child / "memory.swap.max").write_text("max")
    assert read_cgroups(root, info).swap is True


def test_v2_with_few_controllers(tmp_path: Path) -> None:
    root, info = machine(tmp_path, [line("ROOT", "cgroup2", "rw")])
    (tmp_path / "cgroup/cgroup.controllers").write_text("pids\n")
    groups = read_cgroups(root, info)
    assert (groups.memory, groups.swap, groups.cpu_shares, groups.pids) == (False, False, False, True)


@pytest.mark.parametrize("hybrid", [False, True])
def test_v1_and_hybrid(tmp_path: Path, hybrid: bool) -> None:
    lines = [line("ROOT", "tmpfs", "mode=755"), *(line(f"ROOT/{name}", "cgroup", name) for name in V1)]
    if hybrid:
        lines.append(line("ROOT/unified", "cgroup2", "rw"))
    root, info = machine(tmp_path, lines)
    for name in V1:
        (tmp_path / "cgroup" / name).mkdir()
    for file in ("memory/memory.limit_in_bytes", "memory/memory.oom_control", "cpu,cpuacct/cpu.shares"):
        (tmp_path / "cgroup" / file).write_text("0")
    groups = read_cgroups(root, info)
    assert (groups.mode, groups.version) == (Mode.HYBRID if hybrid else Mode.V1, 1)
    assert {"memory", "cpu", "cpuacct", "pids"} <= groups.controllers
    assert (groups.memory, groups.swap, groups.oom_kill_disable) == (True, False, True)
    assert (groups.cpu_shares, groups.cpu_quota, groups.pids, groups.cpuset) == (True, False, True, False)


def test_nothing_mounted(tmp_path: Path) -> None:
    root, info = machine(tmp_path, [line("/proc", "proc", "rw")])
    assert read_cgroups(root, info).mode is Mode.NONE


def test_a_later_mount_hides_what_was_below() -> None:
    lines = [line("/c", "tmpfs", ""), line("/c/memory", "cgroup", "memory"), line("/c", "cgroup2", ""), "broken"]
    assert {path: mount.kind for path, mount in parse_mounts("\n".join(lines), "/c").items()} == {"/c": "cgroup2"}
