"""HostConfig.SecurityOpt, read (start.md 5.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wherry.base.errors import InvalidParameter
from wherry.model.container import HostConfig

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
UNCONFINED = "unconfined"
BUILTIN = "builtin"
APPARMOR_DEFAULT = "docker-default"


@dataclass(frozen=True, slots=True)
class SecurityOptions:
    """The options of one container; None and empty mean that it said nothing."""

    no_new_privileges: bool | None = None
    writable_cgroups: bool | None = None
    seccomp: str = ""
    """`unconfined`, `builtin`, or the text of a profile."""
    apparmor: str = ""
    labels: tuple[str, ...] = ()
    """SELinux; `disable` among them."""


def parse_security_options(options: Sequence[str] | None) -> SecurityOptions:
    """Return the options, later ones winning; InvalidParameter in Docker's words for a malformed one."""
    found = SecurityOptions()
    for option in options or ():
        found = _with(found, option)
    return found


def apparmor_profile(host_config: HostConfig) -> str:
    """Return the AppArmor profile of a container: the one asked for, else none that confines a privileged one."""
    asked = parse_security_options(host_config.security_opt).apparmor
    return asked or (UNCONFINED if host_config.privileged else APPARMOR_DEFAULT)


def _with(found: SecurityOptions, option: str) -> SecurityOptions:
    match _split(option):
        case "no-new-privileges", value:
            return replace(found, no_new_privileges=_flag(option, value))
        case "writable-cgroups", value:
            return replace(found, writable_cgroups=_flag(option, value))
        case "seccomp", value:
            return replace(found, seccomp=value)
        case "apparmor", value:
            return replace(found, apparmor=value)
        case "label", value:
            return replace(found, labels=(*found.labels, value))
        case _:
            raise InvalidParameter(f'invalid --security-opt 2: "{option}"')


def _split(option: str) -> tuple[str, str]:
    """Split at the first `=`, or without one at the first `:` as older clients write it."""
    if option in ("no-new-privileges", "writable-cgroups"):
        return option, "true"
    if option == "disable":
        return "label", "disable"
    separator = "=" if "=" in option else ":"
    key, found, value = option.partition(separator)
    if not found:
        raise InvalidParameter(f'invalid --security-opt 1: "{option}"')
    return key, value


def _flag(option: str, value: str) -> bool:
    if value not in TRUE | FALSE:
        raise InvalidParameter(f'invalid --security-opt 2: "{option}"')
    return value in TRUE
