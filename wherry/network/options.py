"""Options of a bridge network (network.md 6.4): read, or refused in Docker's words. Pure."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from wherry.base.errors import InvalidParameter, Unimplemented

PREFIX = "com.docker.network."
NAME, ICC = f"{PREFIX}bridge.name", f"{PREFIX}bridge.enable_icc"
MASQUERADE, BINDING = f"{PREFIX}bridge.enable_ip_masquerade", f"{PREFIX}bridge.host_binding_ipv4"
MTU = f"{PREFIX}driver.mtu"
GATEWAY_MODE, INHIBIT = f"{PREFIX}bridge.gateway_mode_ipv4", f"{PREFIX}bridge.inhibit_ipv4"
ENABLE_IPV4, ENABLE_IPV6 = f"{PREFIX}enable_ipv4", f"{PREFIX}enable_ipv6"
GATEWAY_MODES = ("nat", "nat-unprotected", "routed", "isolated")
ABSENT = (
    f"{PREFIX}bridge.trusted_host_interfaces",
    f"{PREFIX}container_iface_prefix",
    f"{PREFIX}host_ipv4",
    f"{PREFIX}advertise_addr_nmsgs",
    f"{PREFIX}advertise_addr_ms",
)
"""Options of Docker's that would change something and do not here."""
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True, slots=True)
class BridgeOptions:
    """What the options say."""

    name: str = ""
    icc: bool = True
    masquerade: bool = True
    binding: str = ""
    mtu: int = 0


def read(options: Mapping[str, str]) -> BridgeOptions:
    """Return what the options of a bridge say; unknown ones mean nothing. InvalidParameter, Unimplemented."""
    for name in (f"{PREFIX}bridge.default_bridge", INHIBIT):
        _flag(options, name, False)
    mode = options.get(GATEWAY_MODE, "nat")
    if mode not in GATEWAY_MODES:
        raise _wrong(GATEWAY_MODE, mode, f"unknown gateway mode {mode}")
    for name in ABSENT:
        if name in options:
            raise Unimplemented(f"network option {name} is not supported by this engine yet")
    if mode != "nat" or _flag(options, INHIBIT, False):
        name = INHIBIT if mode == "nat" else f"{GATEWAY_MODE}={mode}"
        raise Unimplemented(f"network option {name} is not supported by this engine yet")
    return BridgeOptions(
        name=options.get(NAME, ""),
        icc=_flag(options, ICC, True),
        masquerade=_flag(options, MASQUERADE, True),
        binding=_binding(options.get(BINDING)),
        mtu=_mtu(options.get(MTU, "0")),
    )


def pseudo(options: Mapping[str, str], name: str) -> bool | None:
    """Return one of the two options that are fields of the request otherwise; None without it. InvalidParameter."""
    text = options.get(name)
    if text is not None and text not in TRUE | FALSE:
        raise InvalidParameter(f'driver-opt "{name}" is not a valid bool')
    return None if text is None else text in TRUE


def _flag(options: Mapping[str, str], name: str, default: bool) -> bool:
    text = options.get(name)
    if text is None:
        return default
    if text not in TRUE | FALSE:
        raise _wrong(name, text, f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return text in TRUE


def _binding(text: str | None) -> str:
    if text is None:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise _wrong(BINDING, text, "nil ip") from error
    if address.version != 4:
        raise Unimplemented(f"network option {BINDING} with an IPv6 address is not supported by this engine yet")
    return str(address)


def _mtu(text: str) -> int:
    try:
        mtu = int(text)
    except ValueError as error:
        raise _wrong(MTU, text, f'strconv.Atoi: parsing "{text}": invalid syntax') from error
    if mtu < 0:
        raise InvalidParameter(f"invalid MTU number: {mtu}")
    return mtu


def _wrong(name: str, text: str, why: str) -> InvalidParameter:
    return InvalidParameter(f"failed to parse {name} value: {text} ({why})")
