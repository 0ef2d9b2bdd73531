"""A run as a file: the samples with the head that says where they were taken, to be drawn or shown again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.table import Result
from wherry.base.errors import InvalidParameter, System


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured where."""

    head: Sequence[str]
    results: list[Result]


def save(path: Path, run: Run) -> None:
    """Write a run as JSON; System when it cannot be written."""
    write(path, msgspec.json.format(msgspec.json.encode(run)).decode() + "\n")


def read(path: Path) -> Run:
    """Return a run that was saved; InvalidParameter when it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Run)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidParameter(f"{path} is no saved run: {error}") from error


def write(path: Path, text: str) -> None:
    """Write a file; System when it cannot be."""
    try:
        path.write_text(text)
    except OSError as error:
        raise System(f"write {path}: {error.strerror or error}") from error
