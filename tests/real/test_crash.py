"""Death in the middle of work: the daemon under load, a keeper, the zygote."""

import os
import signal
import threading
import time

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import assert_no_leaks, look
from tests.real.test_life import follow_until

CLIENTS = 8
BOOT_SECONDS = 10
"""A bound against hanging, not a measure."""


def hammer(engine: Engine, stop: threading.Event) -> None:
    """Run containers until told to stop; that some fail when the daemon dies is the point."""
    while not stop.is_set():
        engine.docker("run", "--rm", "-v", "/anonymous", IMAGE, "true")


def test_killed_under_load_leaves_nothing(own_bridge: Engine) -> None:
    engine = own_bridge.start()
    engine.load_demo(IMAGE)
    engine.ok("run", "--rm", IMAGE, "true")
    before = look(engine)
    stop = threading.Event()
    clients = [threading.Thread(target=hammer, args=(engine, stop)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(3):
        engine.wait_log("wherry.start: start", CLIENTS * 2, engine.log.stat().st_size)
        engine.kill()
        engine.start()
    stop.set()
    for client in clients:
        client.join()
    engine.kill()
    began = time.monotonic()
    engine.start()
    assert time.monotonic() - began < BOOT_SECONDS
    engine.remove_all()
    assert_no_leaks(engine, before)


def test_dead_keeper_is_replaced(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    before = look(own)
    script = "trap 'exit 5' TERM; while :; do echo tick; usleep 10000; done"
    ident = own.ok("run", "-d", "--runtime", "runc", IMAGE, "sh", "-c", script)
    follow_until(own, ident, "tick")
    (pid,) = own.keepers()
    os.kill(pid, signal.SIGKILL)
    own.wait_log("another takes its place")
    with own.popen("attach", "--no-stdin", ident) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"tick\n"
        client.kill()
    own.ok("kill", "-s", "TERM", ident)
    assert own.ok("wait", ident) == "5"
    own.ok("rm", ident)
    assert_no_leaks(own, before)


def test_dead_zygote_is_replaced(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", IMAGE, "sleep", "1000")
    (pid,) = own.zygotes()
    os.kill(pid, signal.SIGKILL)
    assert own.ok("run", "--rm", IMAGE, "echo", "again") == "again"
    own.ok("kill", ident)
    assert own.ok("wait", ident) == "137"
