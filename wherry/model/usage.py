"""What a run has used of the machine, as its cgroup accounts for it."""

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """CPU time in nanoseconds, memory and I/O in bytes; None for what this kernel does not count."""

    cpu_total: int | None = None
    cpu_user: int | None = None
    cpu_system: int | None = None
    memory_peak: int | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None
