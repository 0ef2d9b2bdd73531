"""Resource limits: Docker's ranges and conflicts, and what this kernel cannot enforce (start.md 1.6, api 3.1).

Pure. A value that is discarded is zeroed and named in a warning, so that what is stored is what holds.
"""

from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter
from wherry.containers.defaults import Kernel
from wherry.model.container import HostConfig

MIN_MEMORY = 6 << 20
MAX_CPU = 8192
"""No kernel numbers more CPUs or nodes; bounds what a list like `0-9999999999` costs."""


def check_limits(host: HostConfig, kernel: Kernel) -> tuple[HostConfig, list[str]]:
    """Return what of the limits holds here and the warnings; InvalidParameter in Docker's words."""
    warnings: list[str] = []
    for check in (_memory, _swappiness, _reservation, _oom_killer, _pids, _cpu, _cpuset, _blkio):
        changes, said = check(host, kernel)
        host = msgspec.structs.replace(host, **changes)
        warnings += said
    return host, warnings


Finding = tuple[dict[str, Any], list[str]]
"""Fields to change and warnings."""


def _missing(what: str, then: str = "Limitation discarded.") -> str:
    return f"Your kernel does not support {what} or the cgroup is not mounted. {then}"


def _memory(host: HostConfig, kernel: Kernel) -> Finding:
    if host.memory and host.memory < MIN_MEMORY:
        raise InvalidParameter("Minimum memory limit allowed is 6MB")
    if host.memory and not kernel.memory:
        return {"memory": 0, "memory_swap": -1}, [_missing("memory limit capabilities")]
    if host.memory and host.memory_swap != -1 and not kernel.swap:
        return {"memory_swap": -1}, [_missing("swap limit capabilities", "Memory limited without swap.")]
    if host.memory and 0 < host.memory_swap < host.memory:
        raise InvalidParameter("Minimum memoryswap limit should be larger than memory limit, see usage")
    if not host.memory and host.memory_swap > 0:
        raise InvalidParameter("You should always set the Memory limit when using Memoryswap limit, see usage")
    return {}, []


def _swappiness(host: HostConfig, kernel: Kernel) -> Finding:
    if host.memory_swappiness is None or host.memory_swappiness == -1:
        return {"memory_swappiness": None}, []
    if not kernel.swappiness:
        text = _missing("memory swappiness capabilities", "Memory swappiness discarded.")
        return {"memory_swappiness": None}, [text]
    if not 0 <= host.memory_swappiness <= 100:
        raise InvalidParameter(f"Invalid value: {host.memory_swappiness}, valid memory swappiness range is 0-100")
    return {}, []


def _reservation(host: HostConfig, kernel: Kernel) -> Finding:
    wanted = host.memory_reservation
    if wanted > 0 and not kernel.memory:
        return {"memory_reservation": 0}, [_missing("memory soft limit capabilities")]
    if 0 < wanted < MIN_MEMORY:
        raise InvalidParameter("Minimum memory reservation allowed is 6MB")
    if 0 < host.memory < wanted:
        raise InvalidParameter("Minimum memory limit can not be less than memory reservation limit, see usage")
    return {}, []


def _oom_killer(host: HostConfig, kernel: Kernel) -> Finding:
    if host.oom_kill_disable is None:
        return {}, []
    if not kernel.oom_kill_disable:
        text = "Your kernel does not support OomKillDisable. OomKillDisable discarded."
        return {"oom_kill_disable": None}, [text] if host.oom_kill_disable else []
    if host.oom_kill_disable and not host.memory:
        return {}, [
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        ]
    return {}, []


def _pids(host: HostConfig, kernel: Kernel) -> Finding:
    if host.pids_limit is None or host.pids_limit <= 0:
        return {"pids_limit": None}, []
    if not kernel.pids:
        return {"pids_limit": None}, [_missing("PIDs limit capabilities", "PIDs limit discarded.")]
    return {}, []


def _cpu(host: HostConfig, kernel: Kernel) -> Finding:
    _check_nano_cpus(host, kernel)
    changes: dict[str, Any] = {}
    warnings: list[str] = []
    if host.cpu_shares and not kernel.cpu_shares:
        changes["cpu_shares"] = 0
        warnings.append(_missing("CPU shares", "Shares discarded."))
    if (host.cpu_period or host.cpu_quota) and not kernel.cpu_cfs:
        changes |= {"cpu_period": 0, "cpu_quota": 0}
        warnings.append("Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.")
    elif host.cpu_period and not 1000 <= host.cpu_period <= 1_000_000:
        raise InvalidParameter("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    elif 0 < host.cpu_quota < 1000:
        raise InvalidParameter("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if host.cpu_percent > 0:
        changes["cpu_percent"] = 0
        warnings.append("linux does not support CPU percent. Percent discarded.")
    return changes, warnings


def _check_nano_cpus(host: HostConfig, kernel: Kernel) -> None:
    if host.nano_cpus > 0 and host.cpu_period > 0:
        raise InvalidParameter("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if host.nano_cpus > 0 and host.cpu_quota > 0:
        raise InvalidParameter("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if host.nano_cpus > 0 and not kernel.cpu_cfs:
        raise InvalidParameter(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted"
        )
    if not 0 <= host.nano_cpus <= kernel.cpus * 1_000_000_000:
        raise InvalidParameter(
            f"range of CPUs is from 0.01 to {kernel.cpus}.00, as there are only {kernel.cpus} CPUs available"
        )


def _cpuset(host: HostConfig, kernel: Kernel) -> Finding:
    if (host.cpuset_cpus or host.cpuset_mems) and not kernel.cpuset:
        return {"cpuset_cpus": "", "cpuset_mems": ""}, [_missing("cpuset", "Cpuset discarded.")]
    _check_available("CPUs", "cpus", host.cpuset_cpus, kernel.cpuset_cpus)
    _check_available("memory nodes", "mems", host.cpuset_mems, kernel.cpuset_mems)
    return {}, []


_BLKIO = {
    "blkio_weight": ("Block I/O weight", "Weight discarded."),
    "blkio_weight_device": ("Block I/O weight_device", "Weight-device discarded."),
    "blkio_device_read_bps": ("BPS Block I/O read limit", "Block I/O BPS read limit discarded."),
    "blkio_device_write_bps": ("BPS Block I/O write limit", "Block I/O BPS write limit discarded."),
    "blkio_device_read_iops": ("IOPS Block read limit", "Block I/O IOPS read limit discarded."),
    "blkio_device_write_iops": ("IOPS Block write limit", "Block I/O IOPS write limit discarded."),
}


def _blkio(host: HostConfig, kernel: Kernel) -> Finding:
    lost = [name for name in _BLKIO if getattr(host, name) and name not in kernel.blkio]
    changes: dict[str, Any] = {name: 0 if name == "blkio_weight" else [] for name in lost}
    if host.blkio_weight and "blkio_weight" not in lost and not 10 <= host.blkio_weight <= 1000:
        raise InvalidParameter("Range of blkio weight is from 10 to 1000")
    return changes, [_missing(*_BLKIO[name]) for name in lost]


def _check_available(words: str, name: str, asked: str, available: str) -> None:
    try:
        wanted = parse_cpu_list(asked)
    except ValueError as error:
        raise InvalidParameter(f"Invalid value {asked} for cpuset {name}: {error}") from None
    if not wanted <= parse_cpu_list(available):
        raise InvalidParameter(f"Requested {words} are not available - requested {asked}, available: {available}")


def parse_cpu_list(text: str) -> frozenset[int]:
    """Return the numbers of the kernel's list format, `0-3,7` (cpuset(7)); ValueError names a bad list."""
    numbers: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or int(last or first) < int(first):
            raise ValueError(f"invalid format: {text}")
        if int(last or first) > MAX_CPU:
            raise ValueError(f"value of out range, maximum is {MAX_CPU}")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)
