"""The AppArmor profile of containers that ask for no other, under the name that Docker gives it.

What it allows and denies is what moby's profile does (start.md 5.3): everything, but no mount, and of /proc and /sys
only what belongs to the container. Source of the grammar: apparmor.d(5).
"""

import os
from collections.abc import Callable

from wherry.base.errors import System
from wherry.host.programs import run_program

PARSER = "/sbin/apparmor_parser"
LOADED = "/sys/kernel/security/apparmor/profiles"
LIBRARY = "/etc/apparmor.d"
LOAD_SECONDS = 20.0

_RULES = """
  network,
  deny network alg,
  capability,
  file,
  umount,
  deny mount,

  # who may end a container: the host, the runtime, this engine, and its own processes
  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (receive) peer=crun,
  signal (receive) peer="{engine}",
  signal (send,receive) peer="{name}",
  ptrace (trace,tracedby,read,readby) peer="{name}",

  # below /proc the processes and sys/kernel/shm* can be written, nothing else
  deny @{{PROC}}/* w,
  deny @{{PROC}}/[^1-9s/]*/** w,
  deny @{{PROC}}/s[^y/]*/** w,
  deny @{{PROC}}/sy[^s/]*/** w,
  deny @{{PROC}}/sys[^/]*/** w,
  deny @{{PROC}}/sys/[^k/]** w,
  deny @{{PROC}}/sys/k[^e/]** w,
  deny @{{PROC}}/sys/kernel/[^s/]** w,
  deny @{{PROC}}/sys/kernel/s[^h/]** w,
  deny @{{PROC}}/sys/kernel/sh[^m/]** w,
  deny @{{PROC}}/sysrq-trigger rwklx,
  deny @{{PROC}}/kcore rwklx,

  # below /sys only fs/cgroup can be written
  deny /sys/[^f/]*/** wklx,
  deny /sys/f[^s/]*/** wklx,
  deny /sys/fs/[^c/]*/** wklx,
  deny /sys/fs/c[^g/]*/** wklx,
  deny /sys/fs/cg[^r/]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
"""


def load_if_missing(name: str, loaded: str = LOADED, parser: str = PARSER, seconds: float = LOAD_SECONDS) -> None:
    """Load the profile under this name unless the kernel has it (blocking): an upgrade of AppArmor may have dropped it.

    System, in Docker's words, when the kernel's list cannot be read, and when the parser refuses or does not end.
    """
    try:
        with open(loaded, encoding="utf-8") as file:
            if any(line.rpartition(" ")[0] == name for line in file.read().splitlines()):
                return
    except OSError as error:
        raise System(f"Could not check if {name} AppArmor profile was loaded: {error}") from error
    text = profile(name, _confinement(), lambda part: os.path.exists(f"{LIBRARY}/{part}"))
    code, said = run_program(parser, "-Kr", stdin=text.encode(), seconds=seconds)
    if code:
        why = f"{parser} ended with {code}: {said.strip()}"
        raise System(f"AppArmor enabled on system but the {name} profile could not be loaded: {why}")


def profile(name: str, engine: str, has: Callable[[str], bool]) -> str:
    """Return the text of the profile; `engine` is the profile of this process, `has` tells what the library holds."""
    proc = "#include <tunables/global>" if has("tunables/global") else "@{PROC}=/proc/"
    base = "  #include <abstractions/base>\n" if has("abstractions/base") else ""
    abi = "abi <abi/3.0>,\n" if has("abi/3.0") else ""  # in the next one `network` leaves out unix sockets
    head = f'{abi}{proc}\n\nprofile "{name}" flags=(attach_disconnected,mediate_deleted) {{\n{base}'
    return head + _RULES.format(engine=engine, name=name) + "}\n"


def _confinement() -> str:
    """Return the profile that this process runs under, without its mode; `unconfined` where nothing says it."""
    try:
        with open("/proc/self/attr/current", encoding="utf-8") as file:
            return file.read().strip("\0\n").partition(" (")[0] or "unconfined"
    except OSError:  # without AppArmor the file may answer EINVAL
        return "unconfined"
