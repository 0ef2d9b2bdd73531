"""Files of the Container Device Interface, read and applied."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.spec_facts import container, facts
from wherry.base.errors import InvalidParameter, System
from wherry.containers.cdi import cdi_device, find_edits, read_known
from wherry.model.container import MountPoint
from wherry.spec.build import build_spec
from wherry.spec.cdi import DeviceNode, Edits, parse_cdi
from wherry.spec.facts import UserIds

YAML = """
cdiVersion: "0.6.0"
kind: vendor.com/net
containerEdits:
  env: [ALL=1]
devices:
  - name: eth0
    containerEdits:
      env: [ONE=1]
      deviceNodes:
        - path: /dev/net0
          hostPath: /dev/null
          permissions: r
      mounts:
        - hostPath: /lib/vendor
          containerPath: /opt/vendor
          options: [ro, nosuid]
      hooks:
        - hookName: createRuntime
          path: /bin/hook
          args: [hook, go]
      additionalGids: [0, 44]
  - name: eth1
    containerEdits:
      env: [TWO=1]
"""


def document(**changes: Any) -> dict[str, Any]:
    device = {"name": "a", "containerEdits": {"env": ["A=1"]}}
    return {"cdiVersion": "1.0.0", "kind": "vendor.com/x", "devices": [device]} | changes


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(YAML)
    return tmp_path


def test_the_edits_of_the_file_come_once_before_those_of_its_devices(directory: Path) -> None:
    edits = find_edits(["vendor.com/net=eth0", "vendor.com/net=eth1"], [str(directory)])
    assert edits.env == ["ALL=1", "ONE=1", "TWO=1"]


def test_unknown_names_are_told_all_together(directory: Path) -> None:
    with pytest.raises(System) as caught:
        find_edits(["vendor.com/net=eth0", "vendor.com/net=eth2", "x"], [str(directory), "/nosuch"])
    assert str(caught.value) == "CDI device injection failed: unresolvable CDI devices vendor.com/net=eth2, x"


def test_a_later_directory_wins_and_two_files_of_one_do_not(tmp_path: Path) -> None:
    for place, name, value in (("1", "a.json", "1"), ("2", "a.json", "2"), ("3", "b.json", "3"), ("3", "c.json", "4")):
        (tmp_path / place).mkdir(exist_ok=True)
        device = {"name": "a", "containerEdits": {"env": [f"A={value}"]}}
        (tmp_path / place / name).write_text(json.dumps(document(devices=[device])))
    places = [str(tmp_path / place) for place in "123"]
    assert find_edits(["vendor.com/x=a"], places[:2]).env == ["A=2"]
    assert read_known(places) == {"vendor.com/x=a": None}


def test_a_broken_file_costs_only_itself(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    (directory / "bad.json").write_text("{")
    (directory / "worse.yaml").write_text("a: [")
    (directory / "note.txt").write_text("not read")
    assert set(read_known([str(directory)])) == {"vendor.com/net=eth0", "vendor.com/net=eth1"}
    assert len([record for record in caplog.records if "is left out" in record.message]) == 2


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"cdiVersion": "9.0.0"}, 'invalid version "9.0.0"'),
        ({"kind": "vendor.com"}, 'invalid kind "vendor.com"'),
        ({"kind": "/x"}, 'invalid kind "/x"'),
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"devices": [{"name": "-", "containerEdits": {"env": ["A=1"]}}]}, 'invalid device name "-"'),
        ({"devices": [{"name": "a", "containerEdits": {}}]}, 'invalid device "a", empty device edits'),
        ({"containerEdits": {"env": ["A"]}}, 'invalid environment variable "A"'),
        ({"containerEdits": {"hooks": [{"hookName": "never", "path": "/x"}]}}, 'invalid hook "never"'),
        ({"containerEdits": {"mounts": [{"hostPath": "", "containerPath": "/x"}]}}, "empty path"),
        ({"containerEdits": {"deviceNodes": [{"path": "/dev/x", "type": "z"}]}}, "invalid device node"),
        ({"containerEdits": {"deviceNodes": [{"path": "/dev/x", "major": -1}]}}, "negative"),
    ],
)
def test_what_is_no_such_file(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        parse_cdi(document(**changes))


def test_a_node_is_looked_up_where_it_does_not_say_all() -> None:
    there = cdi_device(DeviceNode(path="/dev/x", host_path="/dev/null"))
    assert (there.kind, there.major, there.minor, there.mode, there.uid) == ("c", 1, 3, None, None)
    assert cdi_device(DeviceNode(path="/dev/x", type="c", major=7, minor=8)).minor == 8


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (DeviceNode(path="/nosuch"), 'failed to stat CDI host device "/nosuch": no such file or directory'),
        (DeviceNode(path="/etc"), 'failed to stat CDI host device "/etc": not a device node'),
        (DeviceNode(path="/dev/null", type="b"), 'CDI device ("/dev/null", "/dev/null"), host type mismatch (b, c)'),
    ],
)
def test_a_node_that_is_not_there(node: DeviceNode, text: str) -> None:
    with pytest.raises(System) as caught:
        cdi_device(node)
    assert str(caught.value) == f"CDI device injection failed: failed to inject devices: {text}"


def test_edits_reach_the_spec_and_lose_to_a_mount_of_the_users(directory: Path) -> None:
    edits = find_edits(["vendor.com/net=eth0"], [str(directory)])
    given = facts(edits=edits, user=UserIds(1, 1, (1, 5)))
    spec = build_spec(container({"env": ["ONE=0"]}), given)
    assert spec["process"]["env"][-2:] == ["ONE=1", "ALL=1"]
    assert spec["process"]["user"]["additionalGids"] == [1, 5, 44]
    assert spec["hooks"] == {"createRuntime": [{"path": "/bin/hook", "args": ["hook", "go"]}]}
    mount = {"destination": "/opt/vendor", "type": "bind", "source": "/lib/vendor", "options": ["ro", "nosuid"]}
    assert mount in spec["mounts"]
    own = MountPoint(type="bind", source="/own", destination="/opt/vendor")
    mounts = build_spec(container(), facts(edits=edits, mounts=(own,)))["mounts"]
    assert [each["source"] for each in mounts if each["destination"] == "/opt/vendor"] == ["/own"]


def test_cache_allocations_reach_the_spec() -> None:
    spec = build_spec(container(), facts(edits=Edits(intel_rdt={"closID": "a"})))
    assert spec["linux"]["intelRdt"] == {"closID": "a"}
