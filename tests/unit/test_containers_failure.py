"""Texts as runc 1.1 and 1.3, crun 1.8 and containerd 1.6 and 2.1 have given them."""

import pytest

from wherry.base.errors import DeadlineExceeded, System
from wherry.containers.failure import RuntimeRefused, at_runtime, exit_code

RUNC = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
)
INIT = f"{RUNC}unable to start container process: error during container init: "
CRUN = "failed to create task for container: failed to create shim task: OCI runtime create failed: "
WRONG_KIND = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)


@pytest.mark.parametrize(
    ("text", "code", "suffix"),
    [
        (f'{INIT}exec: "nosuch": executable file not found in $PATH', 127, ""),
        (f'{INIT}exec: "/no/such": stat /no/such: no such file or directory: unknown', 127, ""),
        (f'{INIT}exec: "/etc": is a directory', 126, ": permission denied"),
        (f'{INIT}exec: "/etc": is a directory: permission denied', 126, ""),
        (f'{INIT}exec: "/etc/passwd": permission denied: unknown', 126, ""),
        (f"{INIT}mkdir /proc/nope: no such file or directory", 127, ""),
        (f'{INIT}error mounting "/a" to rootfs at "/etc/passwd": mount src=/a: not a directory', 127, WRONG_KIND),
        (f"{CRUN}executable file `nosuch` not found in $PATH: No such file or directory: unknown", 127, ""),
        (f"{CRUN}open executable: Permission denied: unknown", 126, ""),
        ('OCI runtime exec failed: exec failed: exec: "x": executable file not found in $PATH', 127, ""),
    ],
)
def test_what_the_runtime_refused(text: str, code: int, suffix: str) -> None:
    error = at_runtime(text)
    assert isinstance(error, RuntimeRefused)
    assert (str(error), exit_code(error)) == (text + suffix, code)


@pytest.mark.parametrize(
    "text",
    [
        f'{INIT}error mounting "/gone" to rootfs at "/x": stat /gone: no such file or directory',
        f'{INIT}error mounting "/nfs" to rootfs at "/x": permission denied',
        f"{CRUN}mount `/gone` to `/x`: No such file or directory: unknown",
        f"{RUNC}something else",
        f"{CRUN}unable to retrieve OCI runtime error (open /run/log.json: no such file or directory): fork/exec "
        "/no/such: no such file or directory",
        'failed to start shim: failed to resolve runtime path: runtime "io.containerd.lost.v1" binary not installed '
        '"containerd-shim-lost-v1": file does not exist',
        "failed to start shim: fork/exec /lost: permission denied",
        "failed to create task for container: failed to initialize logging driver: dial unix /x: no such file or "
        "directory",
    ],
)
def test_weak_12_another_stage_says_nothing_of_the_command(text: str) -> None:
    """Weak place 12: the words are kept for the CLI, the code is that of the stage."""
    error = at_runtime(text)
    assert type(error) is System
    assert (str(error), exit_code(error)) == (text, 128)


def test_any_other_failure_is_128() -> None:
    assert exit_code(DeadlineExceeded("no such file or directory")) == 128
