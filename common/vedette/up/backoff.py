"""How long a child that died waits before it starts again. Knows the time only as a number."""

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
STEADY_SECONDS = 60.0  # a child that ran this long begins anew


class Backoff:
    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def after(self, ran_seconds: float) -> float:
        """The pause after a run of *ran_seconds*: twice the one before, up to a limit."""
        if ran_seconds >= STEADY_SECONDS:
            self._next = FIRST_SECONDS
        pause = self._next
        self._next = min(2 * pause, LONGEST_SECONDS)
        return pause
