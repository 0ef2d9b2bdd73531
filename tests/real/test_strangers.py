"""What appears behind the boot that settled its container: standing reconciliation (start.md 9)."""

import os
import select
import subprocess
import threading
from contextlib import suppress

from tests.real.conftest import IMAGE
from tests.real.engine import LOG_SECONDS, Engine
from tests.real.leaks import Look, assert_no_leaks, look
from tests.real.test_runtimes import OWN_SHIM, Yard, script

LATE_SHIM = """
case "$*" in *" start") ;; *) exec containerd-shim-runc-v2 "$@" ;; esac
mkdir {root}/bundle && cp config.json {root}/bundle && cd {root}/bundle || exit 1
echo "$*" >args && : >log
setsid sh -c 'echo up >{at}; read -r gone <{gate}; exec containerd-shim-runc-v2 $(cat args)' >unread 2>&1 &
wait
"""
"""Starts a real shim from a bundle of its own and never says where: containerd takes the start for failed.

While it waits its command line does not name the container: the sweep at boot does not see it.
"""

FIVE_SECONDS_LATE = """
case "$*" in *" start") ;; *) exec containerd-shim-runc-v2 "$@" ;; esac
export ARGS="$*"
setsid sh -c 'echo up >{at}; sleep 5; containerd-shim-runc-v2 $ARGS; echo $? >{gate}' &
wait
"""
"""Starts a real shim in the bundle that containerd made, and passes on where it is, 5 s late."""


def cut(own: Engine, yard: Yard, shim: str) -> tuple[str, Look]:
    """kill -9 during Tasks.Create, once the shim is at it, and a boot; returns the id and a look of before."""
    at = own.root / "at"
    os.mkfifo(at)
    script(yard.bin / "containerd-shim-wherrytest-v1", shim)
    yard.start()
    own.load_demo(IMAGE)
    before = look(own)
    ident = own.ok("create", "--runtime", OWN_SHIM, IMAGE, "sleep", "1000")
    client = threading.Thread(target=own.docker, args=("start", ident))
    client.start()
    subprocess.run(["timeout", str(LOG_SECONDS), "cat", str(at)], check=True)
    own.kill()
    client.join()
    yard.start()
    return ident, before


def test_a_shim_that_outlives_the_daemon_and_the_boot_leaves_nothing(own: Engine) -> None:
    """It goes on only after the boot has settled everything."""
    yard, gate = Yard(own), own.root / "gate"
    os.mkfifo(gate)
    ident, before = cut(own, yard, LATE_SHIM.format(root=own.root, at=own.root / "at", gate=gate))
    since = own.log.stat().st_size
    subprocess.run(["timeout", str(LOG_SECONDS), "sh", "-c", f"echo go >{gate}"], check=True)
    own.wait_log("a shim that containerd has forgotten is ended", 1, since)
    assert own.inspect(ident)["State"]["Status"] == "created"
    own.ok("rm", ident)
    assert_no_leaks(own, before)


def test_a_shim_that_answers_five_seconds_late_leaves_nothing(own: Engine) -> None:
    yard, gate = Yard(own), own.root / "gate"
    os.mkfifo(gate)
    ident, before = cut(own, yard, FIVE_SECONDS_LATE.format(at=own.root / "at", gate=gate))
    answered = subprocess.run(["timeout", str(LOG_SECONDS), "cat", str(gate)], check=True, capture_output=True)
    assert answered.stdout == b"0\n", "it did start a shim"
    for pid in own.processes("containerd-shim"):  # containerd ends it, or the engine
        with suppress(ProcessLookupError), os.fdopen(os.pidfd_open(pid)) as end:
            assert select.select([end], [], [], LOG_SECONDS)[0], own.tail()
    assert own.inspect(ident)["State"]["Status"] == "created"
    own.ok("rm", ident)
    assert_no_leaks(own, before)
