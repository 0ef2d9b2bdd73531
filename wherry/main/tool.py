"""The program `wherry`: what Docker's CLI has no word for. It needs nothing but the engine's socket."""

import argparse
import sys

from wherry.base.errors import EngineError
from wherry.base.version import API_VERSION, VERSION
from wherry.main import doctor, explain
from wherry.main.client import Client
from wherry.main.hello import Hello

SOCKET = "unix:///run/wherry/wherry.sock"

EPILOG = """
For everything else use Docker's CLI: docker -H unix:///run/wherry/wherry.sock ps
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "hello":
                return Hello(Client(options.host), _say).run()
            case "ping":
                _say(Client(options.host, 5.0).read("GET", "/_ping").decode())
                return 0
            case "explain":
                return explain.run(Client(options.host), options.container, _say)
            case _:
                return doctor.run(options.host, options.data_root, _say)
    except EngineError as error:
        print(f"wherry: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wherry", description="Companion of the wherryd engine.", epilog=EPILOG)
    parser.add_argument(
        "--version", action="version", version=f"wherry version {VERSION}, Docker Engine API {API_VERSION}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    hello = commands.add_parser("hello", help="run a first container and say what happened, step by step")
    check = commands.add_parser("doctor", help="check what this machine has and lacks, each finding with a remedy")
    ping = commands.add_parser("ping", help="ask the engine whether it answers")
    why = commands.add_parser("explain", help="say where the start of a container spent its time, and how it ended")
    why.add_argument("container", metavar="CONTAINER", help="its name or id")
    for command in (hello, check, ping, why):
        command.add_argument("-H", "--host", default=SOCKET, help=f"the engine's socket (default {SOCKET})")
    check.add_argument("--data-root", default="/var/lib/wherry", help="where the engine keeps images and containers")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)
