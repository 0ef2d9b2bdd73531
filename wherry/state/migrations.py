"""The schema of the database and the steps from older ones. A newer schema is refused before anything is touched."""

import shutil
import sqlite3

from wherry.base.errors import System

SCHEMA = 2

CREATE = """
CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL) WITHOUT ROWID;
"""

STEPS: dict[int, str] = {
    1: "CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL) WITHOUT ROWID;",
}
"""Statements that lift schema N to N + 1."""


def migrate(database: sqlite3.Connection, path: str) -> None:
    """Bring a database to SCHEMA in one transaction, a copy of the old one kept beside it."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA:
        raise System(
            f"database {path} has schema {version}, this engine knows {SCHEMA}: "
            "run the newer engine that wrote it, or give this one another --data-root"
        )
    if version == SCHEMA:
        return
    if version:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what an engine that died had not moved to the file yet
        shutil.copyfile(path, f"{path}.schema-{version}")
    script = CREATE if not version else "".join(STEPS[number] for number in range(version, SCHEMA))
    database.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {SCHEMA}; COMMIT;")
