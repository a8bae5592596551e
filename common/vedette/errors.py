"""The errors that reach a person: each says what is wrong, where, and what to do."""


class VedetteError(Exception):
    """Base of every error that is ours to explain. Start-up turns it into one line and exit code 2."""


class ConfigError(VedetteError):
    """A configuration that cannot be used; the message lists every problem, one a line."""


class StoreError(VedetteError):
    """A directory or file of ours that cannot be used; the message says which, and what to do."""


class WireError(VedetteError):
    """A message that breaks the wire contract. *reason* is from a closed set, fit for a metric label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
