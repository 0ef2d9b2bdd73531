"""Options that containerd hands to a shim (start.md 4.3)."""

from wherry.containerd.gen.messages import message
from wherry.containerd.values import RuntimeOptions

RUNC_TYPE = "containerd.runc.v1.Options"
RuncMessage = message(RUNC_TYPE)
CHECKPOINT_TYPE = "containerd.runc.v1.CheckpointOptions"
CheckpointMessage = message(CHECKPOINT_TYPE)


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
