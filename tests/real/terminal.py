"""The docker CLI on a pseudo terminal, as a person sits before it."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from types import TracebackType

from tests.real.engine import Engine

SECONDS = 30.0


class Terminal:
    """One CLI command on a terminal of its own."""

    def __init__(self, engine: Engine, *arguments: str, rows: int = 24, columns: int = 80) -> None:
        self._master, slave = os.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen(
            ["setsid", "-c", "docker", *arguments], stdin=slave, stdout=slave, stderr=slave, env=engine.environment()
        )
        os.close(slave)
        self.seen = b""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def expect(self, text: str) -> str:
        """Read until the text has come since the last expect; returns what came before it."""
        wanted, deadline = text.encode(), time.monotonic() + SECONDS
        while wanted not in self.seen:
            assert self._more(deadline), f"expected {text!r}, saw {self.seen!r}"
        before, _, self.seen = self.seen.partition(wanted)
        return before.decode(errors="replace")

    def expect_any(self, *texts: str) -> str:
        """Read until one of the texts has come; returns which was first."""
        deadline = time.monotonic() + SECONDS
        while not any(text.encode() in self.seen for text in texts):
            assert self._more(deadline), f"expected one of {texts}, saw {self.seen!r}"
        first = min(
            (text for text in texts if text.encode() in self.seen), key=lambda text: self.seen.index(text.encode())
        )
        _, _, self.seen = self.seen.partition(first.encode())
        return first

    def end(self) -> int:
        """Read to the end; returns the exit code of the CLI."""
        deadline = time.monotonic() + SECONDS
        while self._more(deadline):
            pass
        return self.process.wait(timeout=SECONDS)

    def _more(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more came; saw {self.seen!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: no one has the other side open any more
            return False
        self.seen += data
        return bool(data)
