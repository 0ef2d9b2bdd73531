"""The program `wherryd`: read the configuration, answer --help, --version and --validate, then serve."""

import sys
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.base.version import API_VERSION, VERSION
from wherry.main.config import DEFAULT_FILE, Config, load
from wherry.main.flags import parse_flags
from wherry.main.options import GROUPS, Kind, Option

INTRODUCTION = """
Usage:  wherryd [OPTIONS]

A Docker Engine: serves the Docker Engine API on a unix socket and runs containers with containerd.
Options and configuration keys are dockerd's; one that is not listed here is refused by name.

  wherryd -H unix:///run/wherry/wherry.sock &
  docker -H unix:///run/wherry/wherry.sock ps
"""

CLOSING = f"""
Options may also stand in {DEFAULT_FILE} or the file of --config-file, under the same
names (hosts, labels and log-opts in the plural), but not in both places.
SIGTERM stops containers and ends the daemon, a second SIGTERM ends it at once.
`wherry doctor` checks what this machine lacks, `wherry hello` runs a first container.
"""

DEFAULTS = {
    "host": "unix:///run/wherry/wherry.sock",
    "pidfile": "/run/wherry/wherryd.pid",
    "config-file": DEFAULT_FILE,
}


def main(arguments: list[str] | None = None) -> int:
    """Run wherryd with the process's arguments and return its exit status."""
    try:
        flags = parse_flags(sys.argv[1:] if arguments is None else arguments)
        if flags.get("help"):
            print(help_text())
            return 0
        if flags.get("version"):
            print(f"wherryd version {VERSION}, Docker Engine API {API_VERSION}")
            return 0
        config = load(flags)
    except InvalidParameter as error:
        print(f"{error}\nSee 'wherryd --help'.", file=sys.stderr)
        return 1
    if flags.get("validate"):
        print("configuration OK")
        return 0
    from wherry.main.lifetime import serve  # late: --help needs neither gRPC nor HTTP

    return serve(flags, config)


def help_text() -> str:
    """Return what `wherryd --help` prints, from the table of options."""
    parts = [INTRODUCTION.strip("\n")]
    for title, options in GROUPS.items():
        parts.append("\n".join([f"{title}:", *(_line(option) for option in options)]))
    return "\n\n".join([*parts, CLOSING.strip("\n")])


def _line(option: Option) -> str:
    short = f"-{option.short}, " if option.short else "    "
    default = _default(option)
    about = f"{option.about} (default {default})" if default else option.about
    return f"  {short}{f'--{option.flag} {option.kind.value}':<27} {about}"


def _default(option: Option) -> str:
    if option.flag in DEFAULTS:
        return DEFAULTS[option.flag]
    value: Any = getattr(Config(), option.field, None) if option.key else None
    if option.kind is Kind.SWITCH:
        return "true" if value else ""
    return str(value) if value else ""
