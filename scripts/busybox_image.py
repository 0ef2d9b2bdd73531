"""busybox_image.py NAME: write a `docker load` archive with the machine's static busybox to standard output."""

import sys

from wherry.base.errors import NotFound
from wherry.main.demo import demo_archive


def main() -> int:
    """Write the archive; 1 when the machine has no static busybox."""
    if len(sys.argv) != 2 or sys.stdout.isatty():
        print("usage: busybox_image.py NAME | docker load", file=sys.stderr)
        return 2
    name = sys.argv[1]
    try:
        archive = demo_archive(name if ":" in name else f"{name}:latest", ["sh"])
    except NotFound as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(archive)
    return 0


if __name__ == "__main__":
    sys.exit(main())
