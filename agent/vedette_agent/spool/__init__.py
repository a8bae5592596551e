"""What the agent keeps on disk until the collector has it.

`rows`, `events`, `policy`, `books` and `carve` decide and know no file; `tail`, `database`, `salvage` touch
files; `keeper` does one group commit after the other, and `writer` is the thread around it. SQLite is
imported where a spool is opened and nowhere else.
"""
