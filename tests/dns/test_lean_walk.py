"""The lean walk and dnspython read the same things, and the lean walk is at home with ordinary answers."""

import random
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servers import dns as server
from vedette.errors import VedetteError
from vedette_agent.dns import refuse_old_reader
from vedette_agent.dns.answer import Answer, walk
from vedette_agent.dns.query import Query, query
from vedette_agent.dns.reading import Malformed, read, read_unusual
from vedette_agent.dns.records import MAX_RECORDS, absolute, escaped, quotable

labels = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_", min_size=1, max_size=12)
names = st.lists(labels, min_size=1, max_size=5).map(lambda parts: ".".join(parts) + ".")
ttls = st.integers(0, 2**32 - 1) | st.integers(0, 86400)
v4 = st.ip_addresses(v=4).map(str)
v6 = st.ip_addresses(v=6).map(str)


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, Query]:
    """A question and a response as servers write them, now and then an odd one."""
    name, rdtype = draw(names), draw(st.sampled_from(["A", "AAAA", "TXT", "CNAME", "MX", "SOA"]))
    asked = Query(name, rdtype)
    response = dns.message.make_response(dns.message.from_wire(asked.draw()))
    response.flags |= draw(st.sampled_from([0, dns.flags.AA, dns.flags.AD, dns.flags.RA]))
    response.set_rcode(dns.rcode.Rcode(draw(st.sampled_from([0, 0, 0, 2, 3, 5, 16, 23]))))
    owner = response.question[0].name.to_text()
    for target in draw(st.lists(names, max_size=4)):
        response.answer.append(dns.rrset.from_text(owner, draw(ttls), "IN", "CNAME", target))
        owner = target
    kinds = [("A", v4), ("AAAA", v6), ("TXT", labels), ("NS", names)]
    for kind, datum in draw(st.lists(st.sampled_from(kinds), max_size=3)):
        of = draw(st.sampled_from([owner, owner, owner.upper(), name, "elsewhere.example."]))
        for text in draw(st.lists(datum, min_size=1, max_size=4)):
            response.answer.append(dns.rrset.from_text(of, draw(ttls), "IN", kind, text))
    if draw(st.booleans()):
        response.authority.append(dns.rrset.from_text(draw(names), 60, "IN", "SOA", "a. b. 7 1 1 1 1"))
    if draw(st.booleans()):
        response.additional.append(dns.rrset.from_text(draw(names), 60, "IN", "A", draw(v4)))
    return response.to_wire(max_size=65535), asked


@settings(max_examples=400, deadline=None)
@given(responses())
def test_where_both_read_they_agree(response: tuple[bytes, Query]) -> None:
    wire, asked = response
    lean = walk(wire, asked)
    if lean is not None:
        assert lean == read_unusual(wire, asked)


@settings(max_examples=400, deadline=None)
@given(responses(), st.integers(0, 2**32))
def test_damage_is_an_answer_both_agree_on_or_malformed(response: tuple[bytes, Query], seed: int) -> None:
    """Bytes behind the question are changed, cut off or added; nothing but Malformed is raised."""
    wire, asked = response
    dice = random.Random(seed)
    damaged = bytearray(wire)
    for _ in range(dice.randint(1, 4)):
        at = dice.choice([*range(6, 12), *range(asked.end, len(wire))])
        damaged[at] = dice.choice([0, 0xC0, 0x0C, 0xFF, dice.randrange(256)])
    damaged = damaged[: dice.choice([len(damaged)] * 3 + [dice.randint(asked.end, len(damaged))])]
    lean = walk(bytes(damaged), asked)
    try:
        slow = read_unusual(bytes(damaged), asked)
    except Malformed:
        return
    assert lean is None or lean == slow


@settings(max_examples=200, deadline=None)
@given(responses())
def test_what_is_read_here_is_what_dnspython_reads(response: tuple[bytes, Query]) -> None:
    wire, asked = response
    message = dns.message.from_wire(wire, one_rr_per_rrset=True)
    found = read_unusual(wire, asked, with_sections=True)
    assert found.sections is not None
    for ours, theirs in zip(
        found.sections, (message.answer, message.authority, message.additional), strict=True
    ):
        lines = [f"{rrset.name} {rrset.ttl} IN {rrset[0].rdtype.name} {rrset[0]}" for rrset in theirs]
        assert [str(one).lower() for one in ours] == [line.lower() for line in lines]
    assert found.rcode == message.rcode()
    assert found.flags == int(message.flags)


@given(st.binary(min_size=1, max_size=63), st.binary(max_size=100))
def test_odd_labels_and_strings_are_spelled_as_by_dnspython(label: bytes, string: bytes) -> None:
    name = dns.name.Name([label.lower(), b""])
    assert absolute(escaped(label.lower())) == name.to_text()
    text = dns.rdata.from_wire("IN", "TXT", bytes([len(string)]) + string, 0, len(string) + 1)
    assert f'"{quotable(string)}"' == text.to_text()


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_question_are_read_or_malformed(tail: bytes) -> None:
    asked = query("a.example", "A")
    wire = b"\0\0\x81\x80\0\1" + tail[:6].ljust(6, b"\0") + asked.draw()[12 : asked.end] + tail[6:]
    try:
        assert isinstance(read(wire, asked), Answer)
    except Malformed:
        pass


def response_of(*records: str, rdtype: str = "A", section: str = "answer") -> tuple[bytes, Query]:
    asked = query("www.example.com", rdtype)
    response = dns.message.make_response(dns.message.from_wire(asked.draw()))
    for record in records:
        owner, ttl, kind, data = record.split(maxsplit=3)
        getattr(response, section).append(dns.rrset.from_text(owner, int(ttl), "IN", kind, data))
    return response.to_wire(max_size=65535), asked


ORDINARY = [
    (),
    ("www.example.com. 60 A 192.0.2.1",),
    ("www.example.com. 60 CNAME a.cdn.example.net.", "a.cdn.example.net. 30 A 192.0.2.1"),
    (
        "www.example.com. 60 CNAME a.example.com.",
        "a.example.com. 9 CNAME b.example.net.",
        "b.example.net. 30 A 192.0.2.2",
        "b.example.net. 30 A 192.0.2.1",
    ),
]


@pytest.mark.parametrize("records", ORDINARY)
def test_ordinary_answers_do_not_need_dnspython(records: tuple[str, ...]) -> None:
    wire, asked = response_of(*records)
    answer = walk(wire, asked)
    assert answer is not None
    assert answer == read_unusual(wire, asked)


def test_negative_answers_and_minimal_sections_do_not_need_dnspython() -> None:
    wire, asked = response_of(
        "example.com. 60 SOA ns.example.com. a.example.com. 7 1 1 1 1", section="authority"
    )
    assert walk(wire, asked) == read_unusual(wire, asked)


def test_a_record_behind_the_wrong_owner_is_no_answer() -> None:
    """An address of another name does not make a NODATA answer good."""
    wire, asked = response_of("other.example.com. 60 A 192.0.2.1")
    assert read(wire, asked).answers == []


def test_names_and_texts_have_one_spelling() -> None:
    wire, asked = response_of("www.example.com. 5 MX 10 Mail.Example.COM.", rdtype="MX")
    assert read(wire, asked).answers == ["10 mail.example.com"]
    wire, asked = response_of('www.example.com. 5 TXT "v=spf1 " "-all"', rdtype="TXT")
    assert read(wire, asked).answers == ["v=spf1 -all"]
    wire, asked = response_of("www.example.com. 5 SOA Ns.x. Me.x. 2026112201 1 2 3 4", rdtype="SOA")
    answer = read(wire, asked)
    assert (answer.serial, answer.answers) == (2026112201, ["ns.x me.x 2026112201 1 2 3 4"])


def test_too_many_unusual_records_are_refused_before_dnspython_sees_them() -> None:
    many = [f'www.example.com. 5 TXT "{n}"' for n in range(MAX_RECORDS)]
    wire, asked = response_of(*many[:-1], rdtype="TXT")  # and the OPT record
    assert len(read(wire, asked).answers) == MAX_RECORDS - 1
    wire, asked = response_of(*many, rdtype="TXT")
    with pytest.raises(Malformed, match="has 1025 records; this agent reads 1024"):
        read(wire, asked)


def test_a_thousand_addresses_are_ordinary_and_more_are_refused() -> None:
    def addresses(count: int) -> tuple[bytes, Query]:
        return response_of(*(f"www.example.com. 5 A 10.{n >> 8}.{n & 255}.1" for n in range(count)))

    assert len(read(*addresses(1024)).answers) == 1024
    with pytest.raises(Malformed, match="has 1026 records; this agent reads 1024"):
        read(*addresses(1025))


def test_owners_that_are_spelled_out_are_ordinary_up_to_a_bound() -> None:
    """Some servers never compress. 64 such records are walked, 65 are dnspython's."""
    for count in (64, 65):
        asked = query("www.example.com", "A")
        question = asked.draw()[12 : asked.end]
        record = question[:-4] + b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3"
        wire = b"\0\0\x81\x80\0\1\0" + bytes([count, 0, 0, 0, 0]) + question
        wire += b"".join(record + bytes([n]) for n in range(count))
        assert (walk(wire, asked) is not None) == (count == 64)
        assert len(read(wire, asked).answers) == count


@pytest.mark.parametrize(
    ("bomb", "rdtype"),
    [
        (server.pointer_bomb, "A"),
        (server.spelled_out_bomb, "A"),
        (server.label_bomb, "A"),
        (server.text_bomb, "MX"),
    ],
)
def test_64_kib_of_the_worst_do_not_hold_the_loop(bomb: server.Behaviour, rdtype: str) -> None:
    """Read, or refused, for less than 20 ms of CPU, once dnspython has loaded its types."""
    asked = query("www.example.com", rdtype)
    sent: list[bytes] = []
    bomb(server.Asked(asked.draw(), "tcp", sent.append))
    took = []
    for _ in range(4):
        started = time.process_time()
        try:
            read(sent[0], asked)
        except Malformed:
            pass
        took.append(time.process_time() - started)
    assert min(took) < 0.02


def test_an_endless_name_is_given_up_after_127_labels() -> None:
    """The lean walk stops there: 2 ms are ten times what it needs."""
    asked = query("www.example.com", "A")
    sent: list[bytes] = []
    server.label_bomb(server.Asked(asked.draw(), "tcp", sent.append))
    took = []
    for _ in range(4):
        started = time.process_time()
        assert walk(sent[0], asked) is None
        took.append(time.process_time() - started)
    assert min(took) < 0.002


def test_a_chain_of_pointers_is_followed_for_sixteen_hops() -> None:
    for hops in (16, 17):
        wire, asked = pointers_to_an_address(hops)
        if hops == 16:
            answer = walk(wire, asked)
            assert answer is not None
            assert answer == read_unusual(wire, asked)
        else:
            assert walk(wire, asked) is None
            with pytest.raises(Malformed, match="points where no name is"):
                read(wire, asked)


def pointers_to_an_address(hops: int) -> tuple[bytes, Query]:
    """Addresses that are pointers to the one before: the last owner is *hops* away from its name."""
    asked = query("q.example", "A")
    message = b"\0\0\x81\x80\0\1\0" + bytes([hops, 0, 0, 0, 0]) + asked.draw()[12 : asked.end]
    target = 12
    for _ in range(hops):
        pointer = (0xC000 | target).to_bytes(2, "big")
        target = len(message) + 12
        message += pointer + b"\0\1\0\1\0\0\0\x3c\0\4" + pointer + b"\0\0"
    return message, asked


def test_bytes_behind_the_last_record_are_malformed() -> None:
    wire, asked = response_of("www.example.com. 60 A 192.0.2.1")
    with pytest.raises(Malformed, match="junk"):
        read(wire + b"\0", asked)


def test_a_loop_of_cnames_ends_without_answers() -> None:
    wire, asked = response_of(
        "www.example.com. 60 CNAME a.example.com.",
        "a.example.com. 60 CNAME www.example.com.",
        "www.example.com. 60 A 192.0.2.1",
    )
    answer = read(wire, asked)
    assert (answer.chain, answer.answers) == (["a.example.com", "www.example.com"], [])


def test_a_chain_is_followed_for_sixteen_links() -> None:
    def chain(length: int) -> Answer:
        links = [
            f"{f'n{n}.test.' if n else 'www.example.com.'} 60 CNAME n{n + 1}.test." for n in range(length)
        ]
        return read(*response_of(*links, f"n{length}.test. 60 A 192.0.2.1"))

    assert chain(16).answers == ["192.0.2.1"]
    assert chain(17).answers == []
    assert len(chain(17).chain) == 16


def test_an_old_dnspython_is_refused_at_start() -> None:
    refuse_old_reader((2, 9))
    with pytest.raises(VedetteError, match=r"dnspython 2\.8 is too old .* install 2\.9 or newer"):
        refuse_old_reader((2, 8))


@pytest.mark.parametrize(("name", "rdtype"), [("a" * 64, "A"), ("a..b", "A"), ("a.example", "NONSENSE")])
def test_what_cannot_be_asked_is_a_value_error(name: str, rdtype: str) -> None:
    with pytest.raises(ValueError, match=rdtype):
        Query(name, rdtype)


def test_ids_and_case_are_drawn_evenly() -> None:
    """10,000 draws: each bit of id and case is set half the time (6 sigma), and ids hardly repeat."""
    asked = query("abcdefghij.example.com", "A")
    drawn = [asked.draw() for _ in range(10_000)]
    ids = [int.from_bytes(wire[:2], "big") for wire in drawn]
    for bit in range(16):
        assert abs(sum(number >> bit & 1 for number in ids) - 5000) < 300
    for at in range(13, 23):
        assert abs(sum(chr(wire[at]).isupper() for wire in drawn) - 5000) < 300
    assert len(set(ids)) > 9000
    assert {wire[2:12] + wire[12:].lower() for wire in drawn} == {drawn[0][2:12] + drawn[0][12:].lower()}


def _answered(asked: Query, address: str) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(asked.draw()))
    response.answer.append(dns.rrset.from_text(response.question[0].name, 60, "IN", "A", address))
    return response.to_wire()


def test_a_repeated_answer_is_not_read_again_and_a_changed_one_is() -> None:
    asked = Query("www.shop.example.", "A")
    first = read(_answered(asked, "192.0.2.1"), asked)
    assert read(_answered(asked, "192.0.2.1"), asked) is first  # another id, another letter case
    assert read(_answered(asked, "192.0.2.2"), asked).answers == ["192.0.2.2"]
    assert read(_answered(asked, "192.0.2.1"), asked) == first


def test_an_answer_too_large_to_keep_is_read_each_time() -> None:
    asked = Query("www.shop.example.", "TXT")
    response = dns.message.make_response(dns.message.from_wire(asked.draw()))
    texts = [f'"{number:0250d}"' for number in range(6)]
    response.answer.append(dns.rrset.from_text(response.question[0].name, 60, "IN", "TXT", *texts))
    wire = response.to_wire(max_size=65535)
    assert len(read(wire, asked).answers) == 6
    assert asked.last is None


def test_no_text_echoes_the_letter_case_of_our_question() -> None:
    """A server may point into the question for a name inside a record of a type that we only copy."""
    asked = Query("shop.example.", "NAPTR")
    sent = bytearray(asked.draw())
    sent[12 : 12 + len(asked.name)] = b"\4ShOp\7ExAmPlE\0"
    sent[2:4] = b"\x84\0"
    sent[6:8], sent[10:12] = b"\0\1", b"\0\0"
    rdata = b"\0\1\0\2" + b"\1u" + b"\0" + b"\0" + b"\xc0\x0c"
    wire = bytes(sent[: asked.end]) + b"\xc0\x0c" + b"\0\x23\0\1\0\0\0\x3c" + len(rdata).to_bytes(2, "big")
    assert read(wire + rdata, asked).answers == ['1 2 "u" "" "" shop.example.']
