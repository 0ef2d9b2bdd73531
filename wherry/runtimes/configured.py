"""What `runtimes` of daemon.json and `--add-runtime` say, checked in Docker's words (start.md 4.2). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wherry.base.errors import InvalidParameter

if TYPE_CHECKING:
    from wherry.containerd.values import RuntimeOptions

DEFAULT = "runc"
SHIM = "io.containerd.runc.v2"
STOCK = (DEFAULT, SHIM)
OURS = "io.wherry."
"""Names of our own tiers; they never reach containerd."""
DIRECT = {"crun-direct": "crun", "runc-direct": "runc"}
"""Direct runtimes that need no entry, and their programs."""
DIRECT_TYPE = "io.wherry.direct.v1"
"""The runtimeType of an entry that the keeper runs without a shim; its options are `binary` and, if wanted, `root`."""
RESERVED = frozenset({DEFAULT, *DIRECT})


@dataclass(frozen=True, slots=True)
class Configured:
    """One entry: a program with the command line of runc, or a shim of containerd's."""

    path: str = ""
    """The program, looked up on PATH if it has no slash."""
    args: tuple[str, ...] = ()
    shim: str = ""
    """The name of a shim, or its path; exactly one of this and `path` is set."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those of the shim, by Docker's names."""

    def encode(self) -> "RuntimeOptions | None":
        """Return the shim's options, None for none; InvalidParameter for a value of the wrong type."""
        if self.shim == DIRECT_TYPE or not self.options:
            return None
        from wherry.containerd.options import encode_options  # late: it stands on protobuf, the configuration does not

        return encode_options(self.options, runc=self.shim == SHIM)


def read_configured(entries: Mapping[str, Any], default: str) -> dict[str, Configured]:
    """Return the checked entries; InvalidParameter in Docker's words for a wrong one, and for an unknown default."""
    for name in entries:
        check_name(name)
    if default not in (*STOCK, *DIRECT) and default not in entries and not is_shim_name(default):
        raise InvalidParameter(f"specified default runtime '{default}' does not exist")
    return {name: _read(name, entry) for name, entry in entries.items()}


def parse_flag(text: str) -> tuple[str, dict[str, str]]:
    """Read `name=path` of --add-runtime; the name is lower-cased, as dockerd does it."""
    name, equals, path = (part.strip() for part in text.partition("="))
    if not (name and equals and path):
        raise InvalidParameter(f"invalid runtime argument: {text}")
    name = name.lower()
    check_name(name)
    return name, {"path": path}


def check_name(name: str) -> None:
    """Refuse a name that no configuration may give to a runtime of its own."""
    if name in RESERVED or name.startswith(OURS):
        raise InvalidParameter(f"runtime name '{name}' is reserved")


def is_shim_name(name: str) -> bool:
    """Tell whether a name goes to containerd as it is, so that no client names a file to be run as a shim."""
    return "." in name and "/" not in name and not name.startswith((".", OURS))


def _read(name: str, entry: Any) -> Configured:
    # Go reads keys in any case and skips unknown ones
    given = {key.lower(): value for key, value in _typed(name, "", entry, dict).items() if value is not None}
    found = Configured(
        path=_typed(name, ".path", given.get("path", ""), str),
        args=tuple(
            _typed(name, ".runtimeArgs", part, str)
            for part in _typed(name, ".runtimeArgs", given.get("runtimeargs", []), list)
        ),
        shim=_typed(name, ".runtimeType", given.get("runtimetype", ""), str),
        options=_typed(name, ".options", given.get("options", {}), dict),
    )
    _check(name, found)
    return found


def _typed(name: str, field: str, value: Any, wanted: type) -> Any:
    if not isinstance(value, wanted):
        words = "a string" if wanted is str else "a list of strings" if wanted is list else "an object"
        raise InvalidParameter(f'invalid JSON: "runtimes.{name}{field}" must be {words}')
    return value


def _check(name: str, entry: Configured) -> None:
    if not (entry.path or entry.shim):
        raise InvalidParameter(f"runtime {name}: either a runtimeType or a path must be configured")
    if entry.path and entry.shim:
        raise InvalidParameter(f"runtime {name}: cannot configure both path and runtimeType for the same runtime")
    if entry.path and entry.options:
        raise InvalidParameter(f"runtime {name}: options cannot be used with a path runtime")
    if entry.shim and entry.args:
        raise InvalidParameter(f"runtime {name}: args cannot be used with a runtimeType runtime")
    if entry.shim == DIRECT_TYPE:
        _check_direct(name, entry)
    elif entry.shim.startswith(OURS):
        raise InvalidParameter(f"runtime {name}: runtimeType '{entry.shim}' is reserved")
    if any("\0" in text for text in (entry.path, *entry.args)):
        raise InvalidParameter(f"runtime {name}: path and args cannot contain a NUL character")
    try:
        entry.encode()
    except InvalidParameter as error:
        raise InvalidParameter(f"runtime {name}: {error}") from error


def _check_direct(name: str, entry: Configured) -> None:
    for option, value in entry.options.items():
        if option not in ("binary", "root"):
            raise InvalidParameter(f"runtime {name}: a direct runtime has no option '{option}', only binary and root")
        _typed(name, f".options.{option}", value, str)
        if "\0" in value:
            raise InvalidParameter(f"runtime {name}: {option} cannot contain a NUL character")
    if not entry.options.get("binary"):
        raise InvalidParameter(f"runtime {name}: a direct runtime needs the option 'binary', such as crun")
    if not entry.options.get("root", "/").startswith("/"):
        raise InvalidParameter(f"runtime {name}: root must be an absolute path")
