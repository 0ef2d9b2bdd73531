"""`docker logs` of finished and of living containers."""

import re

from tests.real.conftest import IMAGE
from tests.real.engine import Engine


def test_tail_since_timestamps(engine: Engine) -> None:
    ident = engine.ok("create", IMAGE, "sh", "-c", "for i in 1 2 3; do echo line $i; done")
    engine.docker("start", "-a", ident)
    assert engine.ok("logs", ident).splitlines() == ["line 1", "line 2", "line 3"]
    assert engine.ok("logs", "--tail", "2", ident).splitlines() == ["line 2", "line 3"]
    stamped = engine.docker("logs", "-t", ident).stdout.decode().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line", line) for line in stamped)
    assert engine.ok("logs", "--since", "1h", ident).count("line") == 3
    assert engine.ok("logs", "--until", "1h", ident) == ""


def test_both_streams(engine: Engine) -> None:
    ident = engine.ok("create", IMAGE, "sh", "-c", "echo fine; echo oops >&2")
    engine.docker("start", "-a", ident)
    done = engine.docker("logs", ident)
    assert (done.stdout, done.stderr) == (b"fine\n", b"oops\n")


def test_follow_ends_with_the_container(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "-i", IMAGE, "sh", "-c", "for i in 1 2; do read line; echo got $line; done")
    follower = engine.popen("logs", "-f", ident)
    engine.feed(ident, b"one\ntwo\n")
    assert follower.communicate(timeout=30)[0] == b"got one\ngot two\n"
    assert follower.returncode == 0


def test_every_line_once_under_load(engine: Engine) -> None:
    count = 200_000
    ident = engine.ok("run", "-d", IMAGE, "seq", str(count))
    engine.ok("wait", ident)
    lines = engine.ok("logs", ident).splitlines()
    assert lines == [str(n) for n in range(1, count + 1)]


def test_log_driver_none(engine: Engine) -> None:
    ident = engine.ok("create", "--log-driver", "none", IMAGE, "echo", "lost")
    assert engine.ok("start", "-a", ident) == "lost"
    done = engine.docker("logs", ident)
    assert done.returncode == 1
    assert "configured logging driver does not support reading" in done.stderr.decode()


def test_rotation(engine: Engine) -> None:
    flags = ("--log-opt", "max-size=64k", "--log-opt", "max-file=2")
    ident = engine.ok("run", "-d", *flags, IMAGE, "seq", "20000")
    engine.ok("wait", ident)
    lines = [int(line) for line in engine.ok("logs", ident).splitlines()]
    assert lines[-1] == 20000
    assert lines == list(range(lines[0], 20001))
    assert len(lines) < 20000
