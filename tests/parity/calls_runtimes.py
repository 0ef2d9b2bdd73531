"""Runtimes by name: stock ones, configured ones, and what is none. A peer with CONFIGURED in daemon.json shows most."""

from tests.parity.calls_create import SHOW
from tests.parity.cases import Call, Case, case, create, run, start
from tests.parity.side import IMAGE

STOCK = ("", "runc", "io.containerd.runc.v2")
CONFIGURED = {
    "other": {"path": "runc"},
    "spoken": {"path": "runc", "runtimeArgs": ["--debug"]},
    "typed": {"runtimeType": "io.containerd.runc.v2", "options": {"BinaryName": "runc"}},
    "gone": {"path": "/no/such/program"},
    "shimless": {"runtimeType": "io.containerd.nosuch.v9"},
}
"""The entries of a daemon.json; ours has those that the peer knows."""
NO_NAMES = (
    *(
        "nonsense",
        "Runc",
        "runc ",
        "runc.v2",
        "/usr/bin/runc",
        "../runc",
        "./runc",
        "a.b/c",
        "a/b.c",
        ".",
        ".runc",
        "-",
    ),
    *("io.containerd.runc", "io.containerd.nosuch.v1", "io.containerd.runc.v1"),
)


def life(name: str) -> Case:
    """Create, start, show, end; where it is refused the later steps say so too."""
    made = create("parity-one", HostConfig={"Runtime": name})
    kill = Call("POST", "/containers/{c}/kill")
    return case(f"runtime {name!r}", made, start(), SHOW, kill, Call("POST", "/containers/{c}/wait"))


CASES = (
    *(life(name) for name in (*STOCK, *CONFIGURED, *NO_NAMES)),
    case("runtime of the cli", run("--rm", "--runtime", "nonsense", IMAGE, "true")),
    case("runtime of the cli that is missing", run("--rm", "--runtime", "gone", IMAGE, "true")),
    case(
        "runtime as a number", Call("POST", "/containers/create", body={"Image": IMAGE, "HostConfig": {"Runtime": 1}})
    ),
)
