"""`docker run` with the flags of everyday use, driven by the real CLI."""

import json
from pathlib import Path

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine

CASES = {
    "output": (["echo", "hello"], [], "hello\n"),
    "env": (["sh", "-c", "echo $A-$B"], ["-e", "A=1", "-e", "B=two words"], "1-two words\n"),
    "workdir": (["pwd"], ["-w", "/var/new/dir"], "/var/new/dir\n"),
    "user by name": (["id", "-u"], ["-u", "nobody"], "65534\n"),
    "user and group by number": (["sh", "-c", "id -u; id -g"], ["-u", "12:34"], "12\n34\n"),
    "entrypoint": (["-c", "echo $0 entered"], ["--entrypoint", "sh"], "sh entered\n"),
    "host name": (["hostname"], ["--hostname", "box"], "box\n"),
    "host name in hosts": (["sh", "-c", "grep -c box /etc/hosts"], ["--hostname", "box"], "1\n"),
    "no network": (["sh", "-c", "ls /sys/class/net"], ["--network", "none"], "lo\n"),
    "host network": (["sh", "-c", "ls /sys/class/net | grep -c docker0"], ["--network", "host"], "1\n"),
    "tmpfs": (["sh", "-c", "stat -f -c %T /scratch"], ["--tmpfs", "/scratch:size=1m"], "tmpfs\n"),
    "init": (["sh", "-c", "cat /proc/1/comm"], ["--init"], "docker-init\n"),
    "no init": (["sh", "-c", "cat /proc/1/comm"], [], "cat\n"),
    "read only": (["sh", "-c", "touch /x 2>/dev/null || echo refused"], ["--read-only"], "refused\n"),
    "writable": (["sh", "-c", "touch /x && echo written"], [], "written\n"),
    "shm": (["sh", "-c", "df -k /dev/shm | tail -1 | awk '{print $2}'"], ["--shm-size", "8m"], "8192\n"),
    "label does not show inside": (["true"], ["-l", "a=b"], ""),
}


@pytest.mark.parametrize("name", CASES)
def test_run(engine: Engine, name: str) -> None:
    command, flags, expected = CASES[name]
    done = engine.docker("run", "--rm", *flags, IMAGE, *command)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, expected, "")


@pytest.mark.parametrize("code", [0, 1, 7, 126, 255])
def test_exit_code(engine: Engine, code: int) -> None:
    assert engine.docker("run", "--rm", IMAGE, "sh", "-c", f"exit {code}").returncode == code


def test_killed_by_signal(engine: Engine) -> None:
    assert engine.docker("run", "--rm", IMAGE, "sh", "-c", "kill -TERM $$").returncode in (0, 143)
    assert engine.docker("run", "--rm", "--init", IMAGE, "sh", "-c", "kill -KILL $$").returncode == 137


def test_stdin_reaches_the_process(engine: Engine) -> None:
    data = b"".join(b"%d\n" % n for n in range(20000))
    done = engine.docker("run", "--rm", "-i", IMAGE, "cat", stdin=data)
    assert (done.returncode, done.stdout) == (0, data)


def test_stdout_and_stderr_are_apart(engine: Engine) -> None:
    done = engine.docker("run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_large_output_is_whole(engine: Engine) -> None:
    done = engine.docker("run", "--rm", IMAGE, "sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x")
    assert (done.returncode, len(done.stdout), done.stdout.strip(b"x")) == (0, 20_000_000, b"")


def test_bind_mount(engine: Engine) -> None:
    source = engine.root / "shared"
    source.mkdir(exist_ok=True)
    (source / "in").write_text("from the host\n")
    assert engine.ok("run", "--rm", "-v", f"{source}:/data", IMAGE, "sh", "-c", "cat /data/in; echo back > /data/out")
    assert (source / "out").read_text() == "back\n"
    done = engine.docker("run", "--rm", "-v", f"{source}:/data:ro", IMAGE, "touch", "/data/x")
    assert done.returncode == 1
    assert b"Read-only file system" in done.stderr


def test_bind_source_is_made(engine: Engine) -> None:
    source = engine.root / "made" / "by" / "run"
    engine.ok("run", "--rm", "-v", f"{source}:/data", IMAGE, "touch", "/data/x")
    assert (source / "x").exists()


def test_detached_prints_the_id(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--name", "sleeper", "-l", "a=b", IMAGE, "sleep", "1000")
    assert len(ident) == 64
    found = engine.inspect("sleeper")
    assert (found["Id"], found["State"]["Status"], found["Config"]["Labels"]) == (ident, "running", {"a": "b"})


def test_unknown_image(engine: Engine) -> None:
    done = engine.docker("run", "--rm", "--pull", "never", "absent:1", "true")
    assert done.returncode == 125
    assert "No such image: absent:1" in done.stderr.decode()


def test_unknown_command(engine: Engine) -> None:
    done = engine.docker("run", "--rm", IMAGE, "no-such-command")
    assert done.returncode == 127
    assert 'exec: "no-such-command": executable file not found in $PATH' in done.stderr.decode()


def test_command_that_is_no_program(engine: Engine) -> None:
    done = engine.docker("run", "--rm", IMAGE, "/etc")
    assert done.returncode == 126
    assert "permission denied" in done.stderr.decode()


def test_name_in_use(engine: Engine) -> None:
    ident = engine.ok("create", "--name", "twin", IMAGE, "true")
    done = engine.docker("create", "--name", "twin", IMAGE, "true")
    assert done.returncode == 1
    assert f'Conflict. The container name "/twin" is already in use by container "{ident}"' in done.stderr.decode()


def test_default_resources_of_the_first_process(engine: Engine) -> None:
    status = engine.ok("run", "--rm", IMAGE, "cat", "/proc/self/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["CapEff"].strip() == "00000000a80425fb"
    assert fields["Seccomp"].strip() == "2"
    privileged = engine.ok("run", "--rm", "--privileged", IMAGE, "cat", "/proc/self/status")
    assert "Seccomp:\t0" in privileged


def test_namespaces_are_the_containers_own(engine: Engine) -> None:
    inside = engine.ok(
        "run", "--rm", IMAGE, "sh", "-c", "for n in net pid mnt uts ipc; do readlink /proc/self/ns/$n; done"
    )
    outside = [engine.box.output("readlink", f"/proc/self/ns/{n}").strip() for n in ("net", "pid", "mnt", "uts", "ipc")]
    assert not set(inside.split()) & set(outside)


@pytest.mark.parametrize(("options", "expected"), [("ro", "refused\n"), ("ro,bind-recursive=writable", "written\n")])
def test_a_read_only_bind_covers_what_is_mounted_below(engine: Engine, options: str, expected: str) -> None:
    script = "touch /d/shm/below 2>/dev/null && rm /d/shm/below && echo written || echo refused"
    mount = f"type=bind,src=/dev,dst=/d,{options}"
    assert engine.ok("run", "--rm", "--mount", mount, IMAGE, "sh", "-c", script) == expected.strip()


def test_masked_paths(engine: Engine) -> None:
    assert engine.ok("run", "--rm", IMAGE, "sh", "-c", "cat /proc/kcore | wc -c") == "0"
    done = engine.docker("run", "--rm", IMAGE, "sh", "-c", "echo 1 > /proc/sys/kernel/panic")
    assert b"Read-only file system" in done.stderr


def test_anonymous_volume_lives_and_goes(engine: Engine) -> None:
    ident = engine.ok("create", "-v", "/keep", IMAGE, "sh", "-c", "echo x >> /keep/f; wc -l < /keep/f")
    assert engine.ok("start", "-a", ident) == "1"
    assert engine.ok("start", "-a", ident) == "2"
    (mount,) = engine.inspect(ident)["Mounts"]
    assert Path(mount["Source"]).is_dir()
    engine.ok("rm", "-v", ident)
    assert not Path(mount["Source"]).exists()


def test_cidfile_and_format(engine: Engine) -> None:
    engine.ok("run", "-d", "--name", "fmt", IMAGE, "sleep", "1000")
    line = engine.ok("ps", "--no-trunc", "--format", "{{json .}}")
    entry = json.loads(line)
    assert (entry["Names"], entry["Image"], entry["Command"]) == ("fmt", IMAGE, '"sleep 1000"')


def test_a_read_only_bind_of_a_file(engine: Engine) -> None:
    script = "cat /x >/dev/null && { echo y 2>/dev/null >/x && echo written || echo refused; }"
    assert engine.ok("run", "--rm", "-v", "/etc/hostname:/x:ro", IMAGE, "sh", "-c", script) == "refused"
