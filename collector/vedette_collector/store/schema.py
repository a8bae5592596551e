"""The tables of the store, from the first version on: each migration brings a file one version further.

`PRAGMA user_version` is the number of migrations that a file has seen. A file of a later version is refused:
what that version means by its rows is not known here.
"""

from typing import Final

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # What was taken in, in order. The payload is as it came.
        """CREATE TABLE journal (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            agent TEXT NOT NULL,
            received_us INTEGER NOT NULL,
            epoch TEXT NOT NULL,
            first INTEGER NOT NULL,
            count INTEGER NOT NULL,
            head BLOB NOT NULL,
            content_type TEXT,
            payload BLOB NOT NULL
        )""",
        "CREATE INDEX journal_by_agent ON journal (agent, received_us)",
        # What that added up to. A row holds what every entry up to its position did to it.
        """CREATE TABLE cells (
            agent TEXT NOT NULL,
            check_name TEXT NOT NULL,
            identity TEXT NOT NULL,
            position INTEGER NOT NULL,
            hidden_us INTEGER,
            counters BLOB NOT NULL,
            PRIMARY KEY (agent, check_name, identity)
        ) WITHOUT ROWID""",
        """CREATE TABLE details (
            agent TEXT NOT NULL,
            check_name TEXT NOT NULL,
            identity TEXT NOT NULL,
            state BLOB NOT NULL,
            PRIMARY KEY (agent, check_name, identity)
        )""",
        """CREATE TABLE agents (
            agent TEXT PRIMARY KEY,
            position INTEGER NOT NULL,
            hidden_us INTEGER,
            book BLOB NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE generations (
            generation INTEGER PRIMARY KEY,
            identities BLOB NOT NULL
        )""",
        # Entries that could not be stored, for a person to look at.
        """CREATE TABLE parked (
            id INTEGER PRIMARY KEY,
            reason TEXT NOT NULL,
            entry BLOB NOT NULL
        )""",
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    ),
    (
        # The id begins with the time: ids ascend.
        "CREATE TABLE incidents (id TEXT PRIMARY KEY, record BLOB NOT NULL)",
    ),
)
VERSION: Final = len(MIGRATIONS)
