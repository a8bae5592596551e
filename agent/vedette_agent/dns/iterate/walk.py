"""One resolution from the roots down, as a state machine: answers go in, the next question comes out.

A walk is a stack. At its bottom is the asked name; a referral to servers without a usable address puts the
address of one of them on top, which is looked for in the same way, and so on. Hostile zones try to make that
endless or expensive: delegations that need each other, referrals to thousands of names that do not exist
(NXNSAttack, Afek et al. 2020), chains of aliases. Hence the bounds below; what runs into one says so.

The sequence is that of a resolver with an empty cache, which remembers the zone cuts of this one walk.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

from vedette_agent.dns.iterate.referral import Alias, Found, Lame, Nothing, Referral, meant, shown
from vedette_agent.dns.iterate.sections import Sections, is_within
from vedette_agent.dns.records import AAAA, A

MAX_QUERIES: Final = 60  # of one budget
MAX_TRIES: Final = 3  # servers of one zone that are asked, one after another
MAX_LOOKUPS: Final = 3  # of server names, for one referral
MAX_DEPTH: Final = 4  # lookups within lookups
MAX_ALIASES: Final = 16
MAX_CUTS: Final = 32  # zone cuts on one way; no tree in the field has ten

Family = Literal[4, 6]
Fate = Literal["referral", "answer", "alias", "nodata", "nxdomain", "lame", "failed"]
Shuffle = Callable[[list["Server"]], None]


class Server(NamedTuple):
    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} [{self.address}]" if self.name != self.address else f"[{self.address}]"


class Question(NamedTuple):
    server: Server
    zone: str  # the server is to speak for it
    name: str
    rdtype: int
    tries: int  # servers that may be asked in place of this one, and itself: its share of the time


class Missed(NamedTuple):
    """No response that can be read."""

    code: str  # the failure code
    why: str  # "did not answer"


class Step(NamedTuple):
    """One question about the asked name, and what became of it."""

    level: int  # zone cuts above it
    question: Question
    servers: int  # that the zone has
    fate: Fate
    code: str | None  # of a failure
    why: str
    seconds: float


class Lost(NamedTuple):
    """The walk found no end."""

    code: str
    why: str


class Budget:
    """Queries that may still be sent. Walks of one probe share one."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_QUERIES) -> None:
        self.left = left


class Cut(NamedTuple):
    """A zone, and its servers as the parent names them."""

    zone: str
    servers: tuple[str, ...]
    known: tuple[Server, ...]  # addresses of the family that is walked


class _Frame:
    """The search for one name; `wanted` is what the frame below needs it for."""

    __slots__ = ("aliases", "asked", "cut", "cuts", "fault", "lookups", "name", "nameless", "rdtype", "ready")

    def __init__(self, name: str, rdtype: int, cut: Cut, shuffle: Shuffle) -> None:
        self.name = name
        self.rdtype = rdtype
        self.aliases = {name}
        self.cuts = 0
        self.enter(cut, shuffle)

    def enter(self, cut: Cut, shuffle: Shuffle) -> None:
        self.cut = cut
        self.ready = list(cut.known)
        shuffle(self.ready)
        having = {server.name for server in cut.known}
        self.nameless = [name for name in cut.servers if name not in having]
        self.asked = 0
        self.lookups = MAX_LOOKUPS
        self.fault: Lost | None = None

    @property
    def tries(self) -> int:
        return max(1, min(len(self.ready) + min(len(self.nameless), self.lookups), MAX_TRIES - self.asked))


class Walk:
    """Ask what `question` says and give the response to `take`, until `question` is None: then see `end`."""

    def __init__(
        self,
        name: str,
        rdtype: int,
        family: Family,
        roots: Sequence[Server],
        *,
        budget: Budget | None = None,
        cuts: dict[str, Cut] | None = None,
        to_cut: bool = False,
        shuffle: Shuffle = random.shuffle,
    ) -> None:
        """*roots*: addresses of *family*. *cuts* are zones known already, and are added to.

        With *to_cut* the walk ends where *name* is delegated, with that Referral.
        """
        self.family = family
        self.budget = budget or Budget()
        self.cuts = cuts if cuts is not None else {}
        self.cuts.setdefault(".", Cut(".", tuple(dict.fromkeys(s.name for s in roots)), tuple(roots)))
        self.steps: list[Step] = []
        self.lookups = 0  # questions about names of servers
        self.level = 0
        self.end: Found | Nothing | Referral | Lost | None = None
        self._to_cut = to_cut
        self._shuffle = shuffle
        self._stack = [_Frame(name, rdtype, self._closest(name, to_cut), shuffle)]
        self._open: Question | None = None

    @property
    def name(self) -> str:
        """What is searched for now: the asked name, or where its aliases have led."""
        return self._stack[0].name

    def question(self) -> Question | None:
        """What to ask now; None when the walk has ended. Asking again before `take` changes nothing."""
        while self.end is None and self._open is None:
            frame = self._stack[-1]
            if frame.ready and frame.asked < MAX_TRIES:
                if self.budget.left <= 0:
                    self.end = Lost("dns.delegation", "it takes too many queries")
                    break
                self.budget.left -= 1
                tries = frame.tries
                frame.asked += 1
                self._open = Question(frame.ready.pop(0), frame.cut.zone, frame.name, frame.rdtype, tries)
            elif frame.nameless and frame.lookups and frame.asked < MAX_TRIES:
                self._look_up(frame)
            else:
                self._give_up(frame)
        return self._open

    def take(self, said: Sections | Missed, seconds: float = 0.0) -> None:
        """The response to the question, or that there was none; *seconds* that it took."""
        asked, self._open = self._open, None
        assert asked is not None, "nothing was asked"
        frame = self._stack[-1]
        if isinstance(said, Missed):
            self._blame(frame, asked, said.code, said.why)
            self._note(asked, "failed", said.code, said.why, seconds)
            return
        meaning = meant(said, asked.zone, asked.name, asked.rdtype)
        match meaning:
            case Lame(why):
                self._blame(frame, asked, "dns.lame", f"is lame: {why}")
                self._note(asked, "lame", "dns.lame", why, seconds)
            case Referral():
                self._note(asked, "referral", None, f"refers to {shown(meaning.zone)}", seconds)
                self._descend(frame, meaning)
            case Alias(target):
                self._note(asked, "alias", None, f"is an alias of {target}", seconds)
                self._follow(frame, target)
            case Found():
                self._note(asked, "answer", None, "", seconds)
                self._over(frame, meaning)
            case Nothing(exists):
                fate: Fate = "nodata" if exists else "nxdomain"
                self._note(asked, fate, f"dns.{fate}", "", seconds)
                self._over(frame, meaning)

    def _blame(self, frame: _Frame, asked: Question, code: str, why: str) -> None:
        """The code is that of the last server; the text tells of all that were tried."""
        text = f"{asked.server} of {shown(asked.zone)} {why}"
        frame.fault = Lost(code, f"{frame.fault.why}; {text}" if frame.fault and frame.asked > 1 else text)

    def _note(self, asked: Question, fate: Fate, code: str | None, why: str, seconds: float) -> None:
        if len(self._stack) == 1:
            servers = len(self._stack[0].cut.servers)
            self.steps.append(Step(self.level, asked, servers, fate, code, why, seconds))
        else:
            self.lookups += 1

    def _descend(self, frame: _Frame, to: Referral) -> None:
        is_bottom = frame is self._stack[0]
        cut = self._cut(to)
        self.cuts[to.zone] = cut
        if is_bottom and self._to_cut and to.zone == frame.name:
            self.end = to
            return
        frame.cuts += 1
        if frame.cuts > MAX_CUTS:
            self._lose(frame, Lost("dns.delegation", f"{frame.name} lies below too many delegations"))
            return
        frame.enter(cut, self._shuffle)
        self.level += is_bottom

    def _follow(self, frame: _Frame, target: str) -> None:
        if len(self._stack) > 1:  # RFC 2181 10.3: the name of a server is no alias
            self._lose(frame, Lost("dns.delegation", f"{frame.name}, a name server, is an alias"))
        elif target in frame.aliases:
            self._lose(
                frame, Lost("dns.cname_dangling", f"the aliases of {frame.name} lead back to {target}")
            )
        elif len(frame.aliases) > MAX_ALIASES:
            self._lose(frame, Lost("dns.cname_dangling", f"more than {MAX_ALIASES} aliases"))
        else:
            frame.aliases.add(target)
            frame.name = target
            frame.enter(self._closest(target), self._shuffle)
            self.level += 1

    def _over(self, frame: _Frame, meaning: Found | Nothing) -> None:
        if len(self._stack) == 1:
            self.end = meaning
            return
        if isinstance(meaning, Found) and meaning.owner != frame.name:
            self._follow(frame, meaning.owner)
        elif isinstance(meaning, Found):
            self._stack.pop()
            below = self._stack[-1]
            below.ready += [Server(frame.name, address) for address in meaning.data[:MAX_TRIES]]
        else:
            what = f"has no IPv{self.family} address" if meaning.exists else "does not exist"
            self._lose(frame, Lost("dns.delegation", f"{frame.name}, a name server, {what}"))

    def _look_up(self, frame: _Frame) -> None:
        name = frame.nameless.pop(0)
        frame.lookups -= 1
        if any(other.name == name for other in self._stack):
            frame.fault = Lost("dns.delegation", f"{name} can only be found through itself")
        elif len(self._stack) > MAX_DEPTH:
            frame.fault = Lost("dns.delegation", f"{name} lies behind too many delegations")
        else:
            rdtype = A if self.family == 4 else AAAA
            self._stack.append(_Frame(name, rdtype, self._closest(name), self._shuffle))

    def _give_up(self, frame: _Frame) -> None:
        none = f"no server of {shown(frame.cut.zone)} has a known IPv{self.family} address"
        self._lose(frame, frame.fault or Lost("dns.delegation", none))

    def _lose(self, frame: _Frame, why: Lost) -> None:
        if len(self._stack) == 1:
            self.end = why
        else:
            self._stack.pop()
            below = self._stack[-1]
            below.fault = below.fault or why

    def _closest(self, name: str, is_above: bool = False) -> Cut:
        """The deepest known zone that *name* is in, with *is_above* not the one of that very name."""
        holding = [cut for cut in self.cuts.values() if is_within(name, cut.zone)]
        return max((cut for cut in holding if not (is_above and cut.zone == name)), key=_labels)

    def _cut(self, to: Referral) -> Cut:
        known = [
            Server(name, one) for name in to.servers for one in of_family(to.glue.get(name, ()), self.family)
        ]
        return Cut(to.zone, to.servers, tuple(known))


def of_family(addresses: Iterable[str], family: Family) -> list[str]:
    return [address for address in addresses if (":" in address) == (family == 6)]


def _labels(cut: Cut) -> int:
    return 0 if cut.zone == "." else cut.zone.count(".") + 1
