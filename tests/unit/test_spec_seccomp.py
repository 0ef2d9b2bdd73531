import json
from typing import Any

import pytest

from tests.unit.spec_facts import engine
from wherry.base.errors import InvalidParameter
from wherry.spec.caps import CAPABILITIES, DEFAULT
from wherry.spec.seccomp import build_seccomp, builtin, evaluate, parse


def allowed(bounding: tuple[str, ...], arch: str = "amd64", kernel: tuple[int, int] = (6, 1)) -> set[str]:
    """System calls that the built-in profile allows whatever their arguments."""
    profile = builtin(bounding, arch, kernel)
    assert profile is not None
    rules = [rule for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" and "args" not in rule]
    return {name for rule in rules for name in rule["names"]}


def rules_of(name: str, bounding: tuple[str, ...] = DEFAULT) -> list[dict[str, Any]]:
    profile = builtin(bounding, "amd64", (6, 1))
    assert profile is not None
    return [rule for rule in profile["syscalls"] if name in rule["names"]]


def test_default_action_and_architectures() -> None:
    profile = builtin(DEFAULT, "amd64", (6, 1))
    assert profile is not None
    assert (profile["defaultAction"], profile["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    assert profile["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    arm = builtin(DEFAULT, "arm64", (6, 1))
    assert arm is not None
    assert arm["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]


def test_what_a_plain_container_may() -> None:
    calls = allowed(DEFAULT)
    assert {"read", "execve", "futex", "chroot", "ptrace", "arch_prctl", "openat2", "statx"} <= calls
    refused = "mount umount2 unshare setns bpf reboot init_module kexec_load io_uring_setup userfaultfd keyctl add_key"
    assert calls.isdisjoint(refused.split())


@pytest.mark.parametrize(
    ("capability", "call"),
    [
        ("SYS_ADMIN", "mount"),
        ("SYS_ADMIN", "clone3"),
        ("DAC_READ_SEARCH", "open_by_handle_at"),
        ("SYS_BOOT", "reboot"),
        ("SYS_MODULE", "finit_module"),
        ("SYS_PACCT", "acct"),
        ("SYS_PTRACE", "kcmp"),
        ("SYS_RAWIO", "iopl"),
        ("SYS_TIME", "clock_settime"),
        ("SYS_TTY_CONFIG", "vhangup"),
        ("SYS_NICE", "mbind"),
        ("SYSLOG", "syslog"),
        ("BPF", "bpf"),
        ("PERFMON", "perf_event_open"),
    ],
)
def test_a_capability_opens_its_calls(capability: str, call: str) -> None:
    assert call not in allowed(DEFAULT)
    assert call in allowed((*DEFAULT, f"CAP_{capability}"))


def test_chroot_goes_with_its_capability() -> None:
    assert "chroot" not in allowed(())


def test_without_sys_admin_clone_makes_no_namespaces() -> None:
    assert rules_of("clone")[0]["args"] == [{"index": 0, "value": 0x7E020000, "op": "SCMP_CMP_MASKED_EQ"}]
    assert rules_of("clone3") == [{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]
    assert all("args" not in rule for rule in rules_of("clone", CAPABILITIES))


def test_no_sockets_of_alg_and_vsock() -> None:
    tests = {(rule["args"][0]["op"], rule["args"][0]["value"]) for rule in rules_of("socket")}
    assert tests == {("SCMP_CMP_LT", 38), ("SCMP_CMP_EQ", 39), ("SCMP_CMP_GT", 40)}


def test_old_kernels_and_other_machines() -> None:
    assert "ptrace" not in allowed(DEFAULT, kernel=(4, 7))
    assert "ptrace" in allowed(DEFAULT, kernel=(4, 8))
    assert "arch_prctl" not in allowed(DEFAULT, arch="arm64")
    assert "arm_fadvise64_64" in allowed(DEFAULT, arch="arm64")


PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": None}],
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls": [
        {"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": [], "comment": "kept out"},
        {"name": "b", "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_CHOWN", "CAP_BPF"]}},
        {"name": "c", "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_BPF", "CAP_CHOWN"]}},
        {"name": "d", "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "6.1"}},
        {"name": "e", "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["arm64"]}, "includes": {"arches": ["amd64"]}},
        {
            "name": "f",
            "action": "SCMP_ACT_TRAP",
            "args": [{"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}],
            "errnoRet": 5,
        },
    ],
}


def test_rules_of_a_custom_profile() -> None:
    assert evaluate(parse(json.dumps(PROFILE)), ("CAP_CHOWN",), "amd64", (6, 1)) == {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [
            {"names": ["a"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["e"], "action": "SCMP_ACT_ALLOW"},
            {
                "names": ["f"],
                "action": "SCMP_ACT_TRAP",
                "errnoRet": 5,
                "args": [{"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}],
            },
        ],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Decoding seccomp profile failed: "),
        ("[]", "Decoding seccomp profile failed: "),
        ('{"syscalls":[{"name":"a","names":["b"]}]}', "both 'name' and 'names' are specified in the seccomp profile"),
        (
            '{"architectures":["a"],"archMap":[{"architecture":"b"}]}',
            "both 'architectures' and 'archMap' are specified in the seccomp profile",
        ),
        ('{"syscalls":[{"name":"a","includes":{"minKernel":"new"}}]}', 'invalid kernel version "new"'),
    ],
)
def test_profiles_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        evaluate(parse(text), (), "amd64", (6, 1))


def test_an_empty_profile_is_none() -> None:
    assert evaluate(parse("{}"), (), "amd64", (6, 1)) is None


CUSTOM = '{"defaultAction":"SCMP_ACT_ALLOW"}'


@pytest.mark.parametrize(
    ("wanted", "daemon", "privileged", "action"),
    [
        ("", "", False, "SCMP_ACT_ERRNO"),
        ("", "unconfined", False, None),
        ("", CUSTOM, False, "SCMP_ACT_ALLOW"),
        ("", CUSTOM, True, None),
        ("builtin", "unconfined", False, "SCMP_ACT_ERRNO"),
        ("unconfined", "", False, None),
        (CUSTOM, "", False, "SCMP_ACT_ALLOW"),
        (CUSTOM, "", True, "SCMP_ACT_ALLOW"),
    ],
)
def test_which_profile(wanted: str, daemon: str, privileged: bool, action: str | None) -> None:
    profile = build_seccomp(wanted, privileged, DEFAULT, engine(seccomp_profile=daemon))
    assert (profile and profile["defaultAction"]) == action


def test_a_kernel_without_seccomp() -> None:
    bare = engine(seccomp=False)
    assert build_seccomp("", False, DEFAULT, bare) is None
    with pytest.raises(InvalidParameter, match="cannot run a custom seccomp profile"):
        build_seccomp(CUSTOM, False, DEFAULT, bare)
