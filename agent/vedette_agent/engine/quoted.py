"""How surely an ICMP error is about a datagram of ours: only what nobody can guess proves it.

The kernel hands a socket every error that quotes its port, and who knows the target finds the port by trying
all of them (RFC 5927 4.2). Of the payload an error need not quote a byte: RFC 792 promises 64 bits, and they
are UDP's header. RFC 1812 4.3.2.3 and RFC 4443 3.1 ask for as much as fits, yet many hosts stay with the 64
bits.

So there are three kinds of errors. What contradicts our datagram is about another one. What repeats enough of
it comes from somebody who saw it: it ends the wait at once. Anything else may be a forgery as well as the
truth: it is kept in mind while the answer is awaited, and is the cause when none comes.
"""

from vedette_agent.engine.record import ProbeFailed
from vedette_agent.engine.run import DeadlineExceeded


def is_proof(quote: bytes, sent: bytes, needed: int) -> bool | None:
    """Whether *quote* has at least the first *needed* bytes of *sent*; None: it is of something else.

    What is longer than *sent* is padding (RFC 4884 4).
    """
    if not sent.startswith(quote[: len(sent)]):
        return None
    return len(quote) >= needed


def blame(error: DeadlineExceeded, unproven: ProbeFailed) -> None:
    """Time is up, and an ICMP error that proved nothing is all there is to explain it."""
    error.failure = unproven.failure
    error.add_note(f"{unproven.detail}, which quotes too little of what was sent to be believed at once")
