"""Options that containerd hands to a shim (start.md 4.3)."""

import json
from collections.abc import Mapping
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.containerd.gen.messages import message
from wherry.containerd.values import RuntimeOptions

RUNC_TYPE = "containerd.runc.v1.Options"
LINUX_TYPE = "containerd.linux.runc.RuncOptions"
GENERIC_TYPE = "runtimeoptions.v1.Options"
RuncMessage = message(RUNC_TYPE)
CHECKPOINT_TYPE = "containerd.runc.v1.CheckpointOptions"
CheckpointMessage = message(CHECKPOINT_TYPE)
LinuxMessage = message(LINUX_TYPE)
GenericMessage = message(GENERIC_TYPE)


def runc_options(
    binary: str,
    root: str,
    systemd_cgroup: bool = False,
    *,
    no_pivot_root: bool = False,
    no_new_keyring: bool = False,
    shim_cgroup: str = "",
    io_uid: int = 0,
    io_gid: int = 0,
    criu_image_path: str = "",
    criu_work_path: str = "",
) -> RuntimeOptions:
    """Return the options of `io.containerd.runc.v2`.

    `binary` is a runc-compatible program (name or path), `root` where it keeps its state: the shim puts the
    containerd namespace and the container's id below it.
    """
    options = RuncMessage(
        binary_name=binary,
        root=root,
        systemd_cgroup=systemd_cgroup,
        no_pivot_root=no_pivot_root,
        no_new_keyring=no_new_keyring,
        shim_cgroup=shim_cgroup,
        io_uid=io_uid,
        io_gid=io_gid,
        criu_image_path=criu_image_path,
        criu_work_path=criu_work_path,
    )
    return RuntimeOptions(RUNC_TYPE, options.SerializeToString())


def checkpoint_options(exit: bool, work_path: str) -> RuntimeOptions:
    """Return the options of a checkpoint: whether the container ends with it, and where CRIU leaves its log."""
    options = CheckpointMessage(exit=exit, work_path=work_path)
    return RuntimeOptions(CHECKPOINT_TYPE, options.SerializeToString())


def linux_options(binary: str, root: str, systemd_cgroup: bool = False) -> RuntimeOptions:
    """Return the options of the first shim, `io.containerd.runtime.v1.linux`, which containerd dropped after 1.6."""
    options = LinuxMessage(runtime=binary, runtime_root=root, systemd_cgroup=systemd_cgroup)
    return RuntimeOptions(LINUX_TYPE, options.SerializeToString())


def encode_options(values: Mapping[str, Any], runc: bool) -> RuntimeOptions:
    """Return options that a configuration names, for the runc shim or in the form that every other shim takes.

    Keys are Docker's, which are the names of Go's fields in any case: `BinaryName`, `ConfigPath`. Unknown ones are
    left out, as dockerd does it. InvalidParameter names a value of the wrong type; unlike dockerd, whose decoder fails
    on every number and on `ConfigBody`, numbers are taken, and a text as bytes.
    """
    options = RuncMessage() if runc else GenericMessage()
    names = {field.name.replace("_", ""): field.name for field in options.DESCRIPTOR.fields}
    for key, value in values.items():
        name = names.get(key.lower())
        if name is None:
            continue
        given = value.encode() if name == "config_body" and isinstance(value, str) else value
        try:
            setattr(options, name, given)
        except (TypeError, ValueError) as error:
            raise InvalidParameter(f"Can't convert {json.dumps(value)[:60]} to the type of option {key}") from error
    return RuntimeOptions(RUNC_TYPE if runc else GENERIC_TYPE, options.SerializeToString())
