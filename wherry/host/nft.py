"""The kernel's packet filter through libnftables (nft(8), libnftables(3)): no process, no parsing of tool output."""

import ctypes
import json
import threading
from collections.abc import Collection
from typing import Any

from wherry.base.errors import System
from wherry.host import conntrack
from wherry.host import rtmessages as rt
from wherry.host.errors import translate
from wherry.host.netlink import Netlink

LIBRARY = "libnftables.so.1"
OUTPUT_HANDLE, OUTPUT_JSON, OUTPUT_ECHO = 1 << 3, 1 << 4, 1 << 5
"""NFT_CTX_OUTPUT_* of nftables/libnftables.h."""
GET_GENERATION, GENERATION_ID = 10 << 8 | 16, 1
"""NFT_MSG_GETGEN of the subsystem NFNL_SUBSYS_NFTABLES and NFTA_GEN_ID (linux/netfilter/nf_tables.h)."""
NO_FAMILY = bytes(4)
"""struct nfgenmsg: family, version, resource."""


class Nft:
    """One libnftables context; calls from several threads take turns."""

    def __init__(self) -> None:
        """Load the library; System names the package when it is missing."""
        try:
            self._library = _load()
        except OSError as error:
            raise System(f"load {LIBRARY}: {error}: install nftables, or start with --iptables=false") from error
        context = self._library.nft_ctx_new(0)
        if not context:
            raise System("open nftables: no context: is nf_tables in this kernel?")
        self._context = ctypes.c_void_p(context)
        self._lock = threading.Lock()
        # Open for good: the close of such a socket waits until the kernel has freed what was deleted, 5 to 15 ms.
        self._kernel = Netlink.open(conntrack.NETLINK_NETFILTER)
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str) -> None:
        """Apply commands in the syntax of `nft -f` as one transaction: all or nothing. System in nft's words."""
        with self._lock:
            self._run(commands, 0)

    def add_rules(self, commands: str) -> list[dict[str, Any]]:
        """Do the same and return the rules that were added, in order, with their handles."""
        with self._lock:
            text = self._run(commands, OUTPUT_JSON | OUTPUT_HANDLE | OUTPUT_ECHO)
        found = json.loads(text)["nftables"] if text.strip() else []
        return [item["add"]["rule"] for item in found if "rule" in item.get("add", {})]

    def generation(self) -> int:
        """Return the number of the ruleset: each transaction in this network namespace, whoever's, adds one."""
        with self._lock, translate("look at the packet filter"):
            body = self._kernel.ask(rt.Request("get generation", GET_GENERATION, rt.REQUEST, NO_FAMILY))
        return int.from_bytes(dict(rt.attributes(body[len(NO_FAMILY) :]))[GENERATION_ID], "big")

    def forget_udp(self, ports: Collection[int]) -> None:
        """Forget the flows to UDP ports (host/conntrack.py); OSError."""
        with self._lock:
            conntrack.forget_udp(self._kernel, ports)

    def list_json(self, command: str) -> list[dict[str, Any]]:
        """Return the objects that a `list …` command answers with (libnftables-json(5)), without the metainfo."""
        with self._lock:
            text = self._run(command, OUTPUT_JSON)
        return [item for item in json.loads(text)["nftables"] if "metainfo" not in item]

    def close(self) -> None:
        """Free the context; the object is of no use afterwards."""
        with self._lock:
            self._library.nft_ctx_free(self._context)
            self._context = ctypes.c_void_p(None)
            self._kernel.close()

    def _run(self, commands: str, flags: int) -> str:
        if self._context.value is None:
            raise System("run nftables commands: the context is closed")
        self._library.nft_ctx_output_set_flags(self._context, flags)
        failed = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
        # Reading a buffer is what empties it for the next call.
        error = self._library.nft_ctx_get_error_buffer(self._context) or b""
        output = self._library.nft_ctx_get_output_buffer(self._context) or b""
        if failed:
            raise System(f"apply firewall rules: {error.decode(errors='replace').strip()}")
        return bytes(output).decode()


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(LIBRARY)
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = (ctypes.c_uint32,)
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_free"):
        getattr(library, name).argtypes = (ctypes.c_void_p,)
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = (ctypes.c_void_p,)
        getattr(library, name).restype = ctypes.c_char_p
    library.nft_ctx_output_set_flags.argtypes = (ctypes.c_void_p, ctypes.c_uint)
    library.nft_run_cmd_from_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    return library
