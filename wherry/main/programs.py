"""The programs beside us whose versions clients ask for: runtime and init (images.md 23.2 and 23.3)."""

import json
import os
import re
import shutil
from dataclasses import dataclass

from wherry.host.programs import program_output

INIT_DIRECTORIES = (
    "/usr/local/libexec/docker",
    "/usr/libexec/docker",
    "/usr/local/lib/docker",
    "/usr/lib/docker",
    "/usr/local/libexec",
    "/usr/libexec",
)
"""Where Docker's packages put docker-init, before PATH (start.md 5.3)."""
INIT_NAMES = ("docker-init", "tini-static", "tini")
"""Debian's tini is a package of its own; the static one runs in any image."""
FEATURES = "org.opencontainers.runtime-spec.features"
FEATURES_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its name, version and commit, empty where it does not say."""

    name: str
    version: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Programs:
    """What was found on PATH."""

    runtime: Program
    init: Program


def read_programs(runtime: str) -> Programs:
    """Ask the runtime and the init for their versions (blocking, a few tens of milliseconds)."""
    init = find_init()
    return Programs(
        runtime=parse_runtime(os.path.basename(runtime), program_output(runtime, "--version")),
        init=parse_init(program_output(init, "--version") if init else ""),
    )


def mount_options(runtime: str) -> frozenset[str]:
    """Return the mount options that a runtime knows by its `features` (blocking).

    Where it has no such command: what crun 1.8, which is without, is known to have, else none.
    """
    try:
        return frozenset(json.loads(program_output(runtime, "features"))["mountOptions"])
    except (ValueError, KeyError, TypeError):
        version = parse_runtime(runtime, program_output(runtime, "--version")).version
        return frozenset(("rro",)) if runtime == "crun" and version.startswith("1.8") else frozenset()


def find_init() -> str:
    """Return the path of the init binary, empty when there is none."""
    for name in INIT_NAMES:
        for directory in INIT_DIRECTORIES:
            path = f"{directory}/{name}"
            if os.access(path, os.X_OK):
                return path
        if found := shutil.which(name):
            return found
    return ""


def parse_runtime(name: str, text: str) -> Program:
    """Read `runc --version` or `crun --version`."""
    version = re.search(r"version (\S+)", text)
    commit = re.search(r"^commit: (\S+)", text, re.MULTILINE)
    return Program(name, version[1] if version else "", commit[1] if commit else "")


def parse_init(text: str) -> Program:
    """Read `tini --version`: `tini version 0.19.0 - git.de40ad0`, the commit is optional."""
    match = re.search(r"version (\S+)(?: - git\.(\S+))?", text)
    return Program("docker-init", match[1], match[2] or "") if match else Program("docker-init")


def read_features(runtime: str) -> str:
    """Return the OCI features document of a runtime as one line of JSON (blocking, FEATURES_SECONDS at most).

    Empty when it has none, or does not answer in time.
    """
    try:
        text = program_output(runtime, "features", seconds=FEATURES_SECONDS)
        return json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        return ""
