"""Attach, terminals and exec."""

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.terminal import Terminal


def test_interactive_terminal(engine: Engine) -> None:
    with Terminal(engine, "run", "--rm", "-it", IMAGE, "sh", rows=33, columns=111) as terminal:
        terminal.expect("# ")
        terminal.type("stty size\n")
        assert "33 111" in terminal.expect("# ")
        terminal.type("tty; exit 4\n")
        terminal.expect("/dev/pts/0")
        assert terminal.end() == 4


def test_terminal_follows_a_resize(engine: Engine) -> None:
    """The CLI begins to watch its terminal at a moment of its own, so the size changes until it was heard of."""
    script = 'while [ "$(stty size)" != "50 99" ]; do echo tick; usleep 50000; done; echo seen; exit 5'
    with Terminal(engine, "run", "--rm", "-it", IMAGE, "sh", "-c", script) as terminal:
        for columns in (98, 99) * 50:
            if terminal.expect_any("tick", "seen") == "seen":
                break
            terminal.resize(50, columns)
        assert terminal.end() == 5


def test_detach_keys_and_reattach(engine: Engine) -> None:
    ident = engine.ok("create", "-it", IMAGE, "sh")
    with Terminal(engine, "start", "-ai", ident) as terminal:
        terminal.expect("# ")
        terminal.type("x=kept\n")
        terminal.expect("# ")
        terminal.type("\x10\x11")
        assert terminal.end() == 0
    assert engine.inspect(ident)["State"]["Running"]
    with Terminal(engine, "attach", ident) as terminal:
        terminal.type("echo $x; exit 6\n")
        terminal.expect("kept")
        assert terminal.end() == 6


def test_interrupt_reaches_the_process(engine: Engine) -> None:
    with Terminal(
        engine, "run", "--rm", "-it", IMAGE, "sh", "-c", "trap 'exit 42' INT; echo up; sleep 1000 & wait"
    ) as t:
        t.expect("up")
        t.type("\x03")
        assert t.end() == 42


def test_two_clients_see_the_same(engine: Engine) -> None:
    script = "while :; do echo tick; usleep 10000; done & read a; kill $!; echo $a"
    ident = engine.ok("run", "-d", "-i", IMAGE, "sh", "-c", script)
    clients = [engine.popen("attach", "--no-stdin", ident) for _ in range(2)]
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline() == b"tick\n"
    engine.feed(ident, b"the end\n")
    assert all(client.communicate(timeout=30)[0].endswith(b"the end\n") for client in clients)


def test_exec(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "-e", "OUTER=1", IMAGE, "sleep", "1000")
    assert engine.ok("exec", ident, "echo", "inside") == "inside"
    assert engine.ok("exec", "-e", "A=b", ident, "sh", "-c", "echo $A $OUTER") == "b 1"
    assert engine.ok("exec", "-w", "/tmp", ident, "pwd") == "/tmp"
    assert engine.ok("exec", "-u", "nobody", ident, "id", "-un") == "nobody"
    assert engine.ok("exec", ident, "hostname") == engine.ok("exec", ident, "cat", "/etc/hostname")
    assert engine.docker("exec", "-i", ident, "cat", stdin=b"through\n").stdout == b"through\n"
    assert engine.docker("exec", ident, "sh", "-c", "exit 21").returncode == 21


def test_exec_refusals(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    done = engine.docker("exec", ident, "absent")
    assert done.returncode == 127
    assert b"executable file not found" in done.stdout + done.stderr
    engine.ok("kill", ident)
    engine.ok("wait", ident)
    done = engine.docker("exec", ident, "true")
    assert done.returncode == 1
    assert f"container {ident} is not running" in done.stderr.decode()


def test_exec_on_a_terminal(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    with Terminal(engine, "exec", "-it", ident, "sh", rows=30, columns=90) as terminal:
        terminal.expect("# ")
        terminal.type("stty size; exit 3\n")
        terminal.expect("30 90")
        assert terminal.end() == 3


def test_detached_exec(engine: Engine) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    engine.ok("exec", "-d", ident, "sh", "-c", "mkfifo /tmp/f; echo done > /tmp/f")
    assert engine.ok("exec", ident, "sh", "-c", "until [ -p /tmp/f ]; do :; done; cat /tmp/f") == "done"


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_exec_carries_every_byte(engine: Engine, size: int) -> None:
    ident = engine.ok("run", "-d", IMAGE, "sleep", "1000")
    data = bytes(range(256)) * (size // 256 + 1)
    done = engine.docker("exec", "-i", ident, "cat", stdin=data[:size])
    assert (done.returncode, done.stdout) == (0, data[:size])


def test_stdin_once_closes_the_process(engine: Engine) -> None:
    ident = engine.ok("create", "-i", IMAGE, "sh", "-c", "cat; echo end")
    done = engine.docker("start", "-ai", ident, stdin=b"some\n")
    assert (done.returncode, done.stdout) == (0, b"some\nend\n")
