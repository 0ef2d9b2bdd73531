"""Bodies of create by name, to compare what a container is given: its OCI spec, and the kernel's view of it.

`{dir}` is a directory of the side's own.
"""

from typing import Any

Body = dict[str, Any]


def host(**fields: Any) -> Body:
    return {"HostConfig": fields}


def bind(**fields: Any) -> Body:
    return host(Mounts=[{"Type": "bind", "Source": "{dir}", "Target": "/data", **fields}])


def mapping(path: str, inside: str, access: str = "rwm") -> Body:
    return {"PathOnHost": path, "PathInContainer": inside, "CgroupPermissions": access}


RATE = [{"Path": "/dev/loop0", "Rate": 4096}]

PROFILE = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["chroot"],"action":"SCMP_ACT_ERRNO"}]}'

OPTIONS: dict[str, Body] = {
    "plain": {},
    "tty": {"Tty": True},
    "tty with a size": {"Tty": True, **host(ConsoleSize=[30, 90])},
    "size without a tty": host(ConsoleSize=[30, 90]),
    "environment": {"Env": ["A=1", "PATH=/bin", "A=2", "HOME=/x"]},
    "environment removed": {"Env": ["HOSTNAME", "B"]},
    "working directory": {"WorkingDir": "/var/new"},
    "entrypoint": {"Entrypoint": ["sleep"], "Cmd": ["1000"]},
    "user by number": {"User": "12:34"},
    "user by name": {"User": "root"},
    "groups": host(GroupAdd=["7", "8"]),
    "host name": {"Hostname": "boat", "Domainname": "sea"},
    "labels": {"Labels": {"a": "b"}},
    "annotations": host(Annotations={"a.b": "c"}),
    "init": host(Init=True),
    "no init": host(Init=False),
    "privileged": host(Privileged=True),
    "privileged and read-only": host(Privileged=True, ReadonlyRootfs=True),
    "privileged with masks": host(Privileged=True, MaskedPaths=["/proc/keys"], ReadonlyPaths=["/proc/sys"]),
    "privileged without init": host(Privileged=True, CapDrop=["ALL"]),
    "privileged with a device": host(Privileged=True, Devices=[mapping("/dev/null", "/dev/nothing", "r")]),
    "privileged with a profile": host(Privileged=True, SecurityOpt=[f"seccomp={PROFILE}"]),
    "read-only": host(ReadonlyRootfs=True),
    "read-only with tmpfs": host(ReadonlyRootfs=True, Tmpfs={"/run": "size=1m,mode=700"}),
    "capabilities added": host(CapAdd=["NET_ADMIN", "sys_time"]),
    "capabilities dropped": host(CapDrop=["CHOWN", "CAP_KILL"]),
    "all capabilities": host(CapAdd=["ALL"]),
    "all capabilities but one": host(CapAdd=["ALL"], CapDrop=["SYS_ADMIN"]),
    "no capabilities": host(CapDrop=["ALL"]),
    "one capability": host(CapDrop=["ALL"], CapAdd=["NET_RAW"]),
    "administrator": host(CapAdd=["SYS_ADMIN"]),
    "no new privileges": host(SecurityOpt=["no-new-privileges"]),
    "new privileges": host(SecurityOpt=["no-new-privileges=false"]),
    "apparmor": host(SecurityOpt=["apparmor=absent"]),
    "label": host(SecurityOpt=["label=type:svirt_t", "label=level:s0:c1,c2"]),
    "no seccomp": host(SecurityOpt=["seccomp=unconfined"]),
    "own seccomp": host(SecurityOpt=[f"seccomp={PROFILE}"]),
    "built-in seccomp": host(SecurityOpt=["seccomp=builtin"]),
    "no masks": host(MaskedPaths=[], ReadonlyPaths=[]),
    "own masks": host(MaskedPaths=["/proc/keys"], ReadonlyPaths=["/proc/irq"]),
    "score": host(OomScoreAdj=500),
    "limits of processes": host(Ulimits=[{"Name": "nofile", "Soft": 64, "Hard": 128}]),
    "core limit": host(Ulimits=[{"Name": "core", "Soft": 0, "Hard": 0}]),
    "memory": host(Memory=64 << 20),
    "memory without swap": host(Memory=64 << 20, MemorySwap=64 << 20),
    "memory and unlimited swap": host(Memory=64 << 20, MemorySwap=-1),
    "memory reservation": host(Memory=64 << 20, MemoryReservation=32 << 20),
    "swappiness": host(MemorySwappiness=10),
    "no oom killer": host(Memory=64 << 20, OomKillDisable=True),
    "cpus": host(NanoCpus=1_500_000_000),
    "cpu quota": host(CpuPeriod=50_000, CpuQuota=25_000),
    "cpu shares": host(CpuShares=512),
    "cpu set": host(CpusetCpus="0", CpusetMems="0"),
    "processes": host(PidsLimit=50),
    "no limit of processes": host(PidsLimit=-1),
    "rates of a disk": host(
        BlkioDeviceReadBps=RATE, BlkioDeviceWriteBps=RATE, BlkioDeviceReadIOps=RATE, BlkioDeviceWriteIOps=RATE
    ),
    "weight": host(BlkioWeight=500),
    "device": host(Devices=[mapping("/dev/fuse", "/dev/fuse")]),
    "device elsewhere": host(Devices=[mapping("/dev/fuse", "/dev/bar", "r")]),
    "device directory": host(Devices=[mapping("/dev/net", "/dev/links")]),
    "device link": host(Devices=[mapping("/dev/stdin", "/dev/in", "r")]),
    "device rules": host(DeviceCgroupRules=["c 10:* rw", "a *:* m"]),
    "cgroup parent": host(CgroupParent="/parity-fleet"),
    "cgroup namespace": host(CgroupnsMode="private"),
    "writable cgroups": host(SecurityOpt=["writable-cgroups=true"]),
    "sysctls": host(Sysctls={"net.core.somaxconn": "100", "kernel.shmmax": "1000000"}),
    "low ports": host(Sysctls={"net.ipv4.ip_unprivileged_port_start": "1024"}),
    "shared memory": host(ShmSize=8 << 20),
    "no shared memory": host(IpcMode="none"),
    "host ipc": host(IpcMode="host"),
    "host pid": host(PidMode="host"),
    "host pid with init": host(PidMode="host", Init=True),
    "host uts": host(UTSMode="host"),
    "host network": host(NetworkMode="host"),
    "no network": host(NetworkMode="none"),
    "everything of the host": host(NetworkMode="host", PidMode="host", IpcMode="host", UTSMode="host"),
    "tmpfs": host(Tmpfs={"/scratch": "", "/deep/er": "size=1m,exec,mode=1777"}),
    "tmpfs mount": host(
        Mounts=[{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 65536, "Mode": 0o700}}]
    ),
    "tmpfs read-only": host(Mounts=[{"Type": "tmpfs", "Target": "/t", "ReadOnly": True}]),
    "bind": host(Binds=["{dir}:/data"]),
    "bind read-only": host(Binds=["{dir}:/data:ro"]),
    "bind slave": host(Binds=["{dir}:/data:rslave"]),
    "bind private": host(Binds=["{dir}:/data:private"]),
    "bind over hosts": host(Binds=["{dir}/file:/etc/hosts:ro"]),
    "bind below dev": host(Binds=["{dir}:/dev/shm"]),
    "bind over sys": host(Binds=["/sys:/sys:ro"]),
    "mount bind": bind(),
    "mount bind read-only": bind(ReadOnly=True),
    "mount bind flat": bind(ReadOnly=True, BindOptions={"ReadOnlyNonRecursive": True}),
    "mount bind forced": bind(ReadOnly=True, BindOptions={"ReadOnlyForceRecursive": True, "Propagation": "rprivate"}),
    "mount bind not recursive": bind(BindOptions={"NonRecursive": True}),
    "anonymous volume": {"Volumes": {"/data": {}}},
}
