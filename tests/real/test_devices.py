"""Devices, their permissions, limits of block I/O, device requests, and containers without any network."""

import json
import os
from pathlib import Path

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine

DISK = sorted(os.listdir("/sys/block"))[0]
RATES = "/sys/fs/cgroup/blkio/blkio.throttle.{}_{}_device"

FAILURES = {
    "no such device": (["--device", "/dev/nosuch"], 'custom device "/dev/nosuch": no such file or directory'),
    "no device": (["--device", "/etc/passwd"], 'custom device "/etc/passwd": not a device node'),
    "no driver": (["--gpus", "all"], 'could not select device driver "" with capabilities: [[gpu]]'),
    "no cdi": (["--device", "vend.com/net=d"], "CDI device injection failed: unresolvable CDI devices vend.com/net=d"),
    "no disk": (["--device-read-bps", "/dev/nosuch:1mb"], "stat /dev/nosuch: no such file or directory"),
    "quota": (["--storage-opt", "size=1G"], "--storage-opt is supported only for overlay over xfs with 'pquota'"),
}


def output(engine: Engine, *arguments: str) -> str:
    done = engine.docker("run", "--rm", *arguments)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_a_device_at_another_path_with_the_permissions_asked_for(engine: Engine) -> None:
    script = "head -c 3 /dev/nothing | wc -c; echo > /dev/nothing || echo refused"
    assert output(engine, "--device", "/dev/full:/dev/nothing:r", IMAGE, "sh", "-c", f"{script} 2>/dev/null") == (
        "3\nrefused\n"
    )


def test_a_directory_of_devices(engine: Engine) -> None:
    assert output(engine, "--device", "/dev/net:/dev/links", IMAGE, "ls", "/dev/links") == "tun\n"


@pytest.mark.skipif(not os.path.exists("/dev/loop0"), reason="opens a loop device")
@pytest.mark.parametrize(("rules", "expected"), [([], "refused\n"), (["--device-cgroup-rule", "b 7:* rmw"], "made\n")])
def test_a_device_rule_lets_a_container_open_what_it_makes(engine: Engine, rules: list[str], expected: str) -> None:
    script = "mknod /loop b 7 0 && cat /loop && echo made || echo refused"
    assert output(engine, *rules, IMAGE, "sh", "-c", f"({script}) 2>/dev/null") == expected


def test_a_bad_device_rule_fails_the_start_not_the_create(engine: Engine) -> None:
    client = engine.client()
    container = client.containers.create(IMAGE, "true", device_cgroup_rules=["x 1:1 r"])
    with pytest.raises(Exception, match="invalid device cgroup rule format: 'x 1:1 r'") as caught:
        container.start()
    assert caught.value.response.status_code == 500  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_not_there(engine: Engine, name: str) -> None:
    flags, text = FAILURES[name]
    done = engine.docker("run", "--rm", *flags, IMAGE, "true")
    assert done.returncode in (125, 127), done  # the CLI takes "no such file" for a missing command
    assert text in done.stderr.decode()


@pytest.mark.skipif(not os.path.isdir("/sys/fs/cgroup/blkio"), reason="reads the files of cgroup version 1")
def test_rates_of_a_disk(engine: Engine) -> None:
    flags = [
        word
        for flag, rate in (("read-bps", "1mb"), ("write-bps", "2mb"), ("read-iops", "30"), ("write-iops", "40"))
        for word in (f"--device-{flag}", f"/dev/{DISK}:{rate}")
    ]
    files = [RATES.format(way, unit) for unit in ("bps", "iops") for way in ("read", "write")]
    number = Path(f"/sys/block/{DISK}/dev").read_text().strip()
    rates = [f"{number} {rate}\n" for rate in (1 << 20, 2 << 20, 30, 40)]
    assert output(engine, *flags, IMAGE, "cat", *files) == "".join(rates)


@pytest.mark.skipif(os.path.exists("/sys/fs/cgroup/blkio/blkio.weight"), reason="this kernel has weights")
def test_a_weight_that_the_kernel_lacks_is_discarded_with_a_warning(engine: Engine) -> None:
    done = engine.docker("create", "--blkio-weight", "500", IMAGE, "true")
    text = "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."
    assert text in done.stderr.decode()
    assert engine.inspect(done.stdout.decode().strip())["HostConfig"]["BlkioWeight"] == 0


def test_no_network_at_all(engine: Engine) -> None:
    container = engine.client().containers.run(IMAGE, "cat", detach=True, stdin_open=True, network_disabled=True)
    shown = engine.inspect(container.id)
    settings = shown["NetworkSettings"]
    assert (shown["HostsPath"], shown["ResolvConfPath"], shown["HostConfig"]["NetworkMode"]) == ("", "", "bridge")
    assert (settings["Networks"], settings["IPAddress"]) == ({}, "")
    script = "ls /sys/class/net; cat /etc/hosts 2>/dev/null | wc -c; ping -c 1 127.0.0.1 >/dev/null && echo up"
    assert engine.ok("exec", container.id, "sh", "-c", script) == "lo\n0\nup"


def test_a_cdi_device(own: Engine) -> None:
    places = own.root / "cdi"
    places.mkdir()
    (own.root / "hook").write_text(f"#!/bin/sh\ncat > {own.root}/ran\n")
    (own.root / "hook").chmod(0o755)
    edits = {
        "env": ["VENDOR=there"],
        "deviceNodes": [{"path": "/dev/vendor0", "hostPath": "/dev/full", "permissions": "r"}],
        "mounts": [{"hostPath": "/etc/hostname", "containerPath": "/vendor/name", "options": ["bind", "ro"]}],
        "hooks": [{"hookName": "createRuntime", "path": f"{own.root}/hook"}],
    }
    device = {"name": "one", "containerEdits": edits}
    document = {"cdiVersion": "0.6.0", "kind": "vendor.com/device", "devices": [device]}
    own.start("--cdi-spec-dir", str(places)).load_demo(IMAGE)
    (places / "vendor.json").write_text(json.dumps(document))  # after the boot: read at each start
    script = "echo $VENDOR; head -c 2 /dev/vendor0 | wc -c; test -s /vendor/name && echo mounted"
    said = output(own, "--device", "vendor.com/device=one", IMAGE, "sh", "-c", script)
    assert said == "there\n2\nmounted\n"
    assert json.loads((own.root / "ran").read_text())["id"]
    assert own.client().info()["CDISpecDirs"] == [str(places)]
