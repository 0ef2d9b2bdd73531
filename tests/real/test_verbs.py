"""Rename, top and prune."""

import json

from tests.real.conftest import IMAGE
from tests.real.engine import WHERRYD, Engine


def test_rename(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--name", "before", IMAGE, "sleep", "1000")
    other = engine.ok("create", "--name", "other", IMAGE, "true")
    engine.ok("rename", "before", "after")
    assert engine.inspect("after")["Id"] == ident
    assert engine.docker("inspect", "before").returncode == 1
    conflict = f'Conflict. The container name "/other" is already in use by container "{other}"'
    for name, words in {
        "other": f"Error when allocating new name: {conflict}",
        "after": "Renaming a container with the same name as its current name",
        "bad/name": "Error when allocating new name: Invalid container name (/bad/name)",
    }.items():
        assert words in engine.docker("rename", "after", name).stderr.decode()
    assert engine.inspect("after")["State"]["Running"]
    engine.ok("rename", "after", "before")
    engine.ok("create", "--name", "after", IMAGE, "true")


def test_top(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sh", "-c", "sleep 1000 & exec sleep 2000")
    titles, *rows = engine.ok("top", ident).splitlines()
    assert titles.split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert sorted(row.split()[-1] for row in rows) == ["1000", "2000"]
    assert engine.ok("top", ident, "-o", "pid,comm").splitlines()[0].split() == ["PID", "COMMAND"]
    assert "Couldn't find PID field in ps output" in engine.docker("top", ident, "-o", "comm").stderr.decode()
    engine.ok("kill", ident)
    engine.ok("wait", ident)
    assert f"container {ident} is not running" in engine.docker("top", ident).stderr.decode()


def test_prune(engine: Engine) -> None:
    kept = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    labelled = engine.ok("create", "-l", "keep=1", IMAGE, "true")
    gone = engine.ok("create", IMAGE, "true")
    assert engine.ok("container", "prune", "-f", "--filter", "until=1h").startswith("Total reclaimed space: 0B")
    out = engine.ok("container", "prune", "-f", "--filter", "label!=keep")
    assert gone in out
    assert set(engine.ok("ps", "-aq", "--no-trunc").split()) == {kept, labelled}
    until = engine.ok("info", "-f", "{{.SystemTime}}")
    asked = ("--since", "1h", "--until", until, "--filter", "event=prune", "--format", "{{json .}}")
    lines = engine.ok("events", *asked)
    assert "reclaimed" in json.loads(lines.splitlines()[-1])["Actor"]["Attributes"]


def test_update(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "-m", "64m", IMAGE, "sleep", "1000")
    limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    engine.ok("update", "-m", "32m", "--memory-swap", "64m", "--pids-limit", "50", "--restart", "on-failure:3", ident)
    host = engine.inspect(ident)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (32 << 20, 64 << 20, 50)
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert engine.ok("exec", ident, "sh", "-c", limit) == str(32 << 20)
    done = engine.docker("update", "-m", "128m", ident)
    assert "Memory limit should be smaller than already set memoryswap limit" in done.stderr.decode()
    assert engine.inspect(ident)["HostConfig"]["Memory"] == 32 << 20
    assert "Minimum memory limit allowed is 6MB" in engine.docker("update", "-m", "1m", ident).stderr.decode()
    engine.ok("update", "--restart", "no", ident)


def test_explain(engine: Engine) -> None:
    tool = WHERRYD.removesuffix("d")

    def explain(ref: str) -> str:
        return engine.box.output(tool, "explain", "--host", engine.host, ref)

    ident = engine.ok("create", "--name", "curious", IMAGE, "sh", "-c", "exit 4")
    assert "It was never started." in explain("curious")
    engine.docker("start", "-a", ident)
    text = explain(ident)
    for step in ("rootfs", "netns", "task", "run"):
        assert f"  {step} " in text
    assert "exit status 4." in text
    broken = engine.ok("create", IMAGE, "absent-command")
    engine.docker("start", broken)
    told = explain(broken)
    assert "It failed at step task, command absent-command: failed to create task for container" in told
    assert "What helps: check the command and the PATH of the image." in told
