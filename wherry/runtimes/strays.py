"""Shims that containerd has forgotten: a create or delete that was cut in the middle may leave one (seen with 2.1)."""

import signal
from collections.abc import Container, Iterator

from wherry.host import proc
from wherry.host.errors import translate


def find_shims(address: str, namespace: str) -> list[tuple[proc.Identity, str]]:
    """Return the shims of a containerd's namespace and the ids that they serve (blocking).

    A shim names all three on its command line (containerd, runtime v2: `-namespace`, `-id`, `-address`), whatever its
    own name is.
    """
    with translate("look for shims"):
        return list(_shims(address, namespace))


def end_strays(shims: list[tuple[proc.Identity, str]], known: Container[str]) -> list[str]:
    """Kill those that serve no known container (blocking); returns the ids.

    What it has started is killed first: it would live on without a parent.
    """
    ended = []
    with translate("end a stray shim"):
        for shim, ident in shims:
            if ident not in known:
                for child in proc.children(shim.pid):
                    proc.kill(child, signal.SIGKILL)
                proc.kill(shim, signal.SIGKILL)
                ended.append(ident)
    return ended


def _shims(address: str, namespace: str) -> Iterator[tuple[proc.Identity, str]]:
    for process, argv in proc.command_lines():
        flags = dict(zip(argv[1:], argv[2:], strict=False))
        if (flags.get("-address"), flags.get("-namespace")) == (address, namespace) and "-id" in flags:
            yield process, flags["-id"]
