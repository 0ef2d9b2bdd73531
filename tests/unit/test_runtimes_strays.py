import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wherry.host import proc
from wherry.runtimes.strays import end_strays, find_shims

PROGRAM = "import subprocess, sys; subprocess.Popen(['sleep', '1000']); print('up', flush=True); sys.stdin.read()"


@contextmanager
def shim(program: Path, ident: str, address: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that looks like a shim and has a child."""
    flags = ["-namespace", "moby", "-id", ident, "-address", address]
    pipe = subprocess.PIPE
    with subprocess.Popen([str(program), "-c", PROGRAM, *flags], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        for child in proc.children(process.pid):
            os.kill(child.pid, 9)
        process.kill()


@pytest.mark.parametrize("name", ["containerd-shim-runc-v2", "a shim of some other name"])
def test_only_shims_of_this_containerd_that_serve_nobody_are_ended(tmp_path: Path, name: str) -> None:
    here, there = f"{tmp_path}/here", f"{tmp_path}/there"
    program = tmp_path / name
    program.symlink_to(sys.executable)
    with shim(program, "a" * 64, here) as stray, shim(program, "b" * 64, here) as known:
        with shim(program, "a" * 64, there) as other:
            (child,) = proc.children(stray.pid)
            with os.fdopen(os.pidfd_open(child.pid)) as end:
                assert end_strays(find_shims(here, "moby"), {"b" * 64}) == ["a" * 64]
                assert stray.wait(timeout=10) == -9
                assert select.select([end], [], [], 10)[0] == [end]
            assert (known.poll(), other.poll()) == (None, None)
        assert find_shims(here, "plugins.moby") == []
