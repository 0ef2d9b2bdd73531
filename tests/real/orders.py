"""What each verb tells, and in which order: commands, then (type, action, the event's own attributes)."""

from collections.abc import Mapping

Told = tuple[str, str, Mapping[str, str]]

VOLUME = {"driver": "local", "destination": "/v", "read/write": "true", "propagation": ""}
JOIN = ("network", "connect", {"type": "bridge", "name": "bridge"})
LEAVE = ("network", "disconnect", {"type": "bridge", "name": "bridge"})
MOUNT = ("volume", "mount", VOLUME)
UNMOUNT = ("volume", "unmount", {"driver": "local"})
CREATED = ("container", "create", {})
STARTED = ("container", "start", {})
UP: tuple[Told, ...] = (MOUNT, JOIN, STARTED)


def down(code: int) -> tuple[Told, ...]:
    """An exit with this code."""
    return (LEAVE, UNMOUNT, ("container", "die", {"exitCode": str(code)}))


def kill(number: int) -> Told:
    """A signal that was delivered."""
    return ("container", "kill", {"signal": str(number)})


STOPPED: Told = ("container", "stop", {})
GONE: Told = ("container", "destroy", {})
IDLE = "while :; do sleep 0.05; done"
TRAP = f"trap 'exit 3' TERM; echo ready; {IDLE}"
DEAF = f"trap '' TERM; echo ready; {IDLE}"

ORDERS: dict[str, tuple[str, tuple[tuple[str, ...], ...], tuple[Told, ...]]] = {
    "exit": ("exit 3", (("wait", "xx"),), down(3)),
    "stop": (TRAP, (("stop", "xx"),), (kill(15), *down(3), STOPPED)),
    "stop with the kill": (DEAF, (("stop", "-t", "1", "xx"),), (kill(15), kill(9), *down(137), STOPPED)),
    "kill": (TRAP, (("kill", "xx"), ("wait", "xx")), (kill(9), *down(137))),
    "a signal": (TRAP, (("kill", "-s", "USR2", "xx"),), (kill(12),)),
    "restart": (
        TRAP,
        (("restart", "xx"),),
        (kill(15), *down(3), STOPPED, *UP, ("container", "restart", {})),
    ),
    "pause": (
        TRAP,
        (("pause", "xx"), ("unpause", "xx")),
        (("container", "pause", {}), ("container", "unpause", {})),
    ),
    "rename": (
        TRAP,
        (("rename", "xx", "yy"), ("rename", "yy", "xx")),
        (("container", "rename", {"oldName": "/xx", "name": "yy"}), ("container", "rename", {"oldName": "/yy"})),
    ),
    "update": (TRAP, (("update", "--cpu-shares", "512", "xx"),), (("container", "update", {}),)),
    "top": (TRAP, (("top", "xx"),), (("container", "top", {}),)),
    "remove by force": (TRAP, (("rm", "-f", "xx"),), (kill(9), *down(137), GONE)),
    "exec": (
        TRAP,
        (("exec", "xx", "sh", "-c", "true"),),
        (
            ("container", "exec_create: sh -c true", {"execID": "*"}),
            ("container", "exec_start: sh -c true", {"execID": "*"}),
            ("container", "exec_die", {"execID": "*", "exitCode": "0"}),
        ),
    ),
}
