"""What to do about a start that failed: the object that it is about and the remedy, by step and text. Pure.

They follow Docker's own words in the answer, so none may hold words that clients match on (start.md 3.3).
"""

from wherry.base.errors import EngineError
from wherry.state.record import Record

DEFAULT = "see `wherry explain` and the engine's log"

_ROWS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("endpoints",), "port is already allocated", "stop the container that has the port, or publish another one"),
    (("endpoints",), "address already in use", "stop the program that listens there, or publish another port"),
    (("endpoints",), "not found", "create the network, or connect the container to one that exists"),
    (("volumes",), "bind source path does not exist", "create it on the engine's machine, or mount with -v"),
    (("volumes",), "", "check the mount's source on the engine's machine"),
    (("rootfs",), "unable to find user", "name a user of the image with --user, or a number"),
    (("rootfs",), "", "pull the image again if its layers are gone"),
    (("task", "run"), "executable file not found", "check the command and the PATH of the image"),
    (("task", "run"), "permission denied", "make the program executable for the container's user"),
    (("task", "run"), "is a directory", "name a program, not its directory"),
    (("task", "run"), "not a directory", "mount a file onto a file and a directory onto a directory"),
    (("task", "run"), "error mounting", "check source and destination of the mount"),
    (("task", "run"), "no such file or directory", "check the command, its interpreter and the working directory"),
    (("stdio",), "", "check the log driver and its options"),
)
_FULL = ("no space left on device", "free some space: `docker system df` shows what the engine holds")


def remedy(rec: Record, step: str, text: str) -> tuple[str, str]:
    """Return the object that a failed step is about and what to do."""
    if _FULL[0] in text.lower():
        return concerned(rec, step), _FULL[1]
    for steps, needle, advice in _ROWS:
        if step in steps and needle in text.lower():
            return concerned(rec, step), advice
    return concerned(rec, step), DEFAULT


def concerned(rec: Record, step: str) -> str:
    """Return the object that a step works on, in a user's terms."""
    match step:
        case "rootfs":
            return f"image {rec.config.image}"
        case "volumes":
            return f"mounts of container {rec.name}"
        case "endpoints" | "interfaces":
            return f"network {rec.host_config.network_mode}"
        case "stdio":
            return f"log driver {rec.host_config.log_config.type}"
        case "task" | "run":
            return f"command {rec.path}"
        case _:
            return f"container {rec.name}"


def advise(error: BaseException, rec: Record, step: str) -> None:
    """Add step, object and remedy behind the text of an engine's error; others stay as they are."""
    if isinstance(error, EngineError) and step and error.args:
        what, advice = remedy(rec, step, str(error))
        error.args = (f"{error} (step {step}, {what}: {advice})", *error.args[1:])
