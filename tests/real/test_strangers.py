"""What appears behind the boot that settled its container: standing reconciliation (start.md 9)."""

import os
import subprocess
import threading

from tests.real.conftest import IMAGE
from tests.real.engine import LOG_SECONDS, Engine
from tests.real.leaks import assert_no_leaks, look
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


def test_a_shim_that_outlives_the_daemon_and_the_boot_leaves_nothing(own: Engine) -> None:
    """kill -9 during Tasks.Create; the shim goes on only after the next boot has settled everything."""
    yard = Yard(own)
    at, gate = own.root / "at", own.root / "gate"
    os.mkfifo(at)
    os.mkfifo(gate)
    script(yard.bin / "containerd-shim-wherrytest-v1", LATE_SHIM.format(root=own.root, at=at, gate=gate))
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
    since = own.log.stat().st_size
    subprocess.run(["timeout", str(LOG_SECONDS), "sh", "-c", f"echo go >{gate}"], check=True)
    own.wait_log("a shim that containerd has forgotten is ended", 1, since)
    assert own.inspect(ident)["State"]["Status"] == "created"
    own.ok("rm", ident)
    assert_no_leaks(own, before)
