"""The daemon's own log, on stderr."""

import logging
import sys

from wherry.main.config import Config

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
NOISY = ("grpc", "asyncio", "aiohttp")


def set_log_level(config: Config) -> None:
    """Log what the configuration asks for, from now on; `debug` wins over `log-level`."""
    level = logging.DEBUG if config.debug else logging.getLevelName(config.log_level.upper())
    logging.basicConfig(stream=sys.stderr, format=FORMAT)
    logging.getLogger().setLevel(level)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
