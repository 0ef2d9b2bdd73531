#!/usr/bin/env python3
"""runc whose checkpoints hold one file of the container, /mem/state, in the place of CRIU's images.

A program for tests, put on the PATH of a shim as `runc`: everything around CRIU is real. REAL_RUNC is the other one.
"""

import json
import os
import shutil
import subprocess
import sys

STATE = "mem/state"
IMAGE = "pages-1.img"


def main(arguments: list[str]) -> None:
    verb = next((word for word in arguments if word in ("checkpoint", "restore")), "")
    if not verb:
        os.execv(os.environ["REAL_RUNC"], ["runc", *arguments])
    at = arguments.index(verb)
    call = {"checkpoint": checkpoint, "restore": restore}[verb]
    call([os.environ["REAL_RUNC"], *arguments[:at]], arguments[at + 1 :])


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def checkpoint(runc: list[str], arguments: list[str]) -> None:
    ident, images = arguments[-1], option(arguments, "--image-path")
    state = subprocess.run([*runc, "state", ident], check=True, capture_output=True)
    os.makedirs(images, exist_ok=True)
    shutil.copy(f"/proc/{json.loads(state.stdout)['pid']}/root/{STATE}", f"{images}/{IMAGE}")
    if "--leave-running" not in arguments:
        subprocess.run([*runc, "kill", ident, "KILL"], check=True)


def restore(runc: list[str], arguments: list[str]) -> None:
    ident, images, pid_file = arguments[-1], option(arguments, "--image-path"), option(arguments, "--pid-file")
    create = [*runc, "create", "--bundle", option(arguments, "--bundle"), "--pid-file", pid_file, ident]
    subprocess.run(create, check=True)
    with open(pid_file) as file:
        pid = file.read()
    shutil.copy(f"{images}/{IMAGE}", f"/proc/{pid}/root/{STATE}")
    subprocess.run([*runc, "start", ident], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
