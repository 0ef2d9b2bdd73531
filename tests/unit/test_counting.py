"""How strace's words become counts: tests/real/counting.py, which the guard of counts stands on."""

from tests.real.counting import count, rpcs

SENT = "sendmsg(14<UNIX:[7]>, {msg_iov=[{iov_base="
LINES = [
    # A thread of the daemon writes a record: one transaction, one fsync that others came between.
    "10 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f} => {parent_tid=[11]}, 88) = 11",
    "11 fcntl(29</d/wherry.db-shm>, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=120, l_len=1}) = 0",
    "11 fdatasync(28</d/wherry.db-wal> <unfinished ...>",
    f'10 {SENT}"{{\\"job\\":\\"keeper\\",\\"args\\"..., iov_len=467}}], msg_flags=0}}, 0) = 467',
    "11 <... fdatasync resumed>) = 0",
    "11 fcntl(29</d/wherry.db-shm>, F_SETLK, {l_type=F_UNLCK, l_whence=SEEK_SET, l_start=120, l_len=1}) = 0",
    # The zygote forks a keeper, which makes a runtime: what that does is its own.
    "20 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD <unfinished ...>",
    f'10 {SENT}"{{\\"order\\":\\"launch\\",\\"seq\\":2"..., iov_len=467}}], msg_flags=0}}, 0) = 467',
    "20 <... clone resumed>, child_tidptr=0x7f25) = 30",
    f'30 {SENT}"{{\\"seq\\":2}}", iov_len=9}}], msg_flags=0}}, 0) = 9',
    "30 vfork( <unfinished ...>",
    '31 execve("/bin/crun", ["crun", "create"], 0x1 /* 2 vars */) = -1 ENOENT (No such file or directory)',
    '31 execve("/usr/bin/crun", ["crun", "create"], 0x1 /* 2 vars */ <unfinished ...>',
    "30 <... vfork resumed>) = 31",
    "31 <... execve resumed>) = 0",
    "31 clone(child_stack=NULL, flags=SIGCHLD) = 32",
    "32 fsync(3</x>) = 0",
    '32 execve("/bin/true", ["true"], 0x1 /* 2 vars */) = 0',
    "31 +++ exited with 0 +++",
    # A link, asked for once and made with a second message; a transaction of nft with one rule, and a question.
    '10 sendto(46<NETLINK:[8]>, [[{nlmsg_len=136, nlmsg_type=0x10 /* NLMSG_??? */}, ""], [{nlmsg_len=40}, ""]], 9) = 9',
    "10 sendto(46<NETLINK:[8]>, [{nlmsg_len=44, nlmsg_type=RTM_GETLINK}, {ifi_family=AF_UNSPEC}], 1) = 1",
    '10 sendmsg(32<NETLINK:[9]>, [{nlmsg_len=20, nlmsg_type=0x10 }, ""], [{nlmsg_len=348, nlmsg_type=0xa06}]) = 9',
    "10 sendto(32<NETLINK:[9]>, [{nlmsg_len=20, nlmsg_type=0xa10 /* NLMSG_??? */}], 20) = 20",
]
METRICS = """# HELP grpc_server_started_total Total number of RPCs started on the server.
grpc_server_started_total{grpc_method="Create",grpc_service="containerd.services.tasks.v1.Tasks",grpc_type="unary"} 3
grpc_server_started_total{grpc_method="Get",grpc_service="containerd.services.tasks.v1.Tasks",grpc_type="unary"} 0
grpc_server_handled_total{grpc_code="OK",grpc_method="Create",grpc_service="containerd.services.tasks.v1.Tasks"} 3
"""


def test_what_the_engines_own_processes_did_is_counted() -> None:
    assert count(LINES) == {
        "transactions of SQLite": 1,
        "fsync of wherry.db-wal": 1,
        "order to the zygote: keeper": 1,
        "order to the keeper: launch": 1,
        "forks": 2,
        "exec of crun": 1,
        "messages of rtnetlink": 3,
        "transactions of nft": 1,
        "messages of nft": 3,
    }


def test_calls_to_containerd_are_those_it_has_begun() -> None:
    assert rpcs(METRICS) == {"RPC Tasks.Create": 3, "RPC Tasks.Get": 0}
