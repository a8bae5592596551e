"""A resolution as a state machine: friendly trees are walked, hostile ones end within bounds."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterate.iterate_helpers import ROOT, World, answer, referral, said, walked
from vedette_agent.dns.iterate import walk as module
from vedette_agent.dns.iterate.referral import Found, Nothing, Referral
from vedette_agent.dns.iterate.sections import Sections
from vedette_agent.dns.iterate.walk import (
    MAX_LOOKUPS,
    MAX_QUERIES,
    MAX_TRIES,
    Budget,
    Cut,
    Lost,
    Missed,
    Question,
    Server,
    Walk,
)

SILENT = Missed("dns.timeout", "did not answer")


def tree(question: Question) -> Sections | Missed:
    """. → example. → shop.example., all with glue."""
    match question.zone:
        case ".":
            return referral(question, "example.", "ns.example.", glue=["ns.example. 192.0.2.2"])
        case "example":
            return referral(
                question,
                "shop.example.",
                "ns1.shop.example.",
                "ns2.shop.example.",
                glue=["ns1.shop.example. 192.0.2.3", "ns2.shop.example. 192.0.2.4"],
            )
        case _:
            return answer(question, f"{question.name}. A 192.0.2.99")


def lost(world: World, name: str = "www.shop.example") -> Lost:
    walk, _ = walked(world, name)
    assert isinstance(walk.end, Lost)
    return walk.end


def test_a_walk_goes_from_the_root_to_the_answer() -> None:
    walk, asked = walked(tree)
    assert walk.end == Found("www.shop.example", ("192.0.2.99",))
    assert [question.server.address for question in asked] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert [(step.level, step.question.zone, step.fate, step.servers) for step in walk.steps] == [
        (0, ".", "referral", 1),
        (1, "example", "referral", 1),
        (2, "shop.example", "answer", 2),
    ]
    assert [step.seconds for step in walk.steps] == [0.5, 0.5, 0.5]


def test_asking_twice_asks_nothing_new() -> None:
    walk = Walk("a.example", 1, 4, [ROOT])
    assert walk.question() is walk.question()


def test_a_silent_server_costs_one_try_and_the_next_is_asked() -> None:
    def world(question: Question) -> Sections | Missed:
        return SILENT if question.server.address == "192.0.2.3" else tree(question)

    walk, asked = walked(world)
    assert isinstance(walk.end, Found)
    assert [question.tries for question in asked] == [1, 1, 2, 1]
    assert [(step.level, step.fate) for step in walk.steps[2:]] == [(2, "failed"), (2, "answer")]


def test_a_level_fails_when_its_servers_do_and_the_text_names_them() -> None:
    walk, _ = walked(lambda question: SILENT if question.zone == "shop.example" else tree(question))
    assert walk.end == Lost(
        "dns.timeout",
        "ns1.shop.example [192.0.2.3] of shop.example. did not answer; "
        "ns2.shop.example [192.0.2.4] of shop.example. did not answer",
    )
    assert walk.level == 2


def test_no_more_than_three_servers_of_a_zone_are_tried() -> None:
    def world(question: Question) -> Sections | Missed:
        glue = [f"n{n}.example. 192.0.2.{n + 10}" for n in range(9)]
        names = [one.split()[0] for one in glue]
        return referral(question, "example.", *names, glue=glue) if question.zone == "." else SILENT

    _, asked = walked(world)
    assert len(asked) == 1 + MAX_TRIES


@pytest.mark.parametrize(("rcode", "exists"), [("NXDOMAIN", False), ("NOERROR", True)])
def test_what_does_not_exist_is_an_end(rcode: str, exists: bool) -> None:
    def world(question: Question) -> Sections | Missed:
        return tree(question) if question.zone != "shop.example" else said("x.", aa=True, rcode=rcode)

    walk, _ = walked(world)
    assert walk.end == Nothing(exists)
    assert walk.steps[-1].code == ("dns.nodata" if exists else "dns.nxdomain")


def elsewhere(question: Question) -> Sections | Missed:
    """shop.example. is served by ns.test., for which there is no glue."""
    if question.zone == ".":
        cut = question.name.rpartition(".")[2]
        return referral(question, f"{cut}.", f"ns.{cut}.", glue=[f"ns.{cut}. 192.0.2.{len(cut)}"])
    if question.zone == "example":
        return referral(question, "shop.example.", "ns.test.", glue=["ns.test. 203.0.113.66"])
    return answer(question, f"{question.name}. A 192.0.2.{len(question.name)}")


def test_the_address_of_a_server_elsewhere_is_looked_for_from_what_is_known() -> None:
    walk, asked = walked(elsewhere)
    assert isinstance(walk.end, Found)
    assert [(question.name, question.zone) for question in asked] == [
        ("www.shop.example", "."),
        ("www.shop.example", "example"),
        ("ns.test", "."),
        ("ns.test", "test"),
        ("www.shop.example", "shop.example"),
    ]
    assert asked[-1].server == Server("ns.test", "192.0.2.7")  # and not what example. claims about test.
    assert (walk.lookups, len(walk.steps)) == (2, 3)


def test_an_alias_into_another_zone_is_followed_from_the_roots() -> None:
    def world(question: Question) -> Sections | Missed:
        if question.name == "www.shop.example" and question.zone == "shop.example":
            return answer(question, "www.shop.example. CNAME c.cdn.test.")
        return tree(question) if question.name.endswith("example") else elsewhere(question)

    walk, _ = walked(world)
    assert walk.end == Found("c.cdn.test", ("192.0.2.10",))
    assert [(step.level, step.fate, step.question.zone) for step in walk.steps[2:]] == [
        (2, "alias", "shop.example"),
        (3, "referral", "."),
        (4, "answer", "test"),
    ]


def loop(question: Question) -> Sections | Missed:
    other = {"a.example": "b.test", "b.test": "a.example"}[question.name]
    return (
        answer(question, f"{question.name}. CNAME {other}.") if question.zone != "." else elsewhere(question)
    )


def endless(question: Question) -> Sections | Missed:
    """Every name is an alias of another, in another zone."""
    number = int(question.name[1:].partition(".")[0])
    zone = "test" if number % 2 else "example"
    if question.zone == ".":
        return elsewhere(question)
    return answer(question, f"{question.name}. CNAME a{number + 1}.{zone}.")


def test_aliases_in_a_circle_and_without_end_are_left() -> None:
    assert lost(loop, "a.example") == Lost(
        "dns.cname_dangling", "the aliases of b.test lead back to a.example"
    )
    assert lost(endless, "a0.example") == Lost("dns.cname_dangling", "more than 16 aliases")


def test_zones_that_need_each_other_are_refused() -> None:
    def world(question: Question) -> Sections | Missed:
        if question.zone == ".":
            return elsewhere(question)
        if question.name.endswith("a.example"):
            return referral(question, "a.example.", "ns.b.example.")
        return referral(question, "b.example.", "ns.a.example.")

    walk, asked = walked(world, "www.a.example")
    assert walk.end == Lost("dns.delegation", "ns.b.example can only be found through itself")
    assert len(asked) < 8


def test_a_zone_whose_servers_lie_in_itself_without_glue_is_refused_at_once() -> None:
    def world(question: Question) -> Sections | Missed:
        return (
            elsewhere(question)
            if question.zone == "."
            else referral(question, "shop.example.", "ns.shop.example.")
        )

    walk, asked = walked(world)
    assert walk.end == Lost("dns.delegation", "ns.shop.example can only be found through itself")
    assert len(asked) == 2


def nxns(question: Question) -> Sections | Missed:
    """NXNSAttack: a referral to many servers, each in a zone with as many others, none of which exists."""
    if question.zone == ".":
        return elsewhere(question)
    zone = question.name.split(".", 1)[1] if question.name.count(".") > 1 else question.name
    names = [f"n{n}.{len(question.name)}x{n}.victim." for n in range(100)]
    return referral(question, f"{zone}.", *names)


def test_nxns_costs_no_more_than_its_lookups() -> None:
    def world(question: Question) -> Sections | Missed:
        if question.zone == "." or question.name.startswith("www"):
            return nxns(question)
        return said(f"{question.name}.", aa=True, rcode="NXDOMAIN")

    walk, asked = walked(world)
    assert isinstance(walk.end, Lost)
    assert sum(question.zone == "victim" for question in asked) == MAX_LOOKUPS


def deep(question: Question) -> Sections | Missed:
    """Every server that is looked for lies in another zone of its own, without glue."""
    if question.zone == ".":
        return elsewhere(question)
    return referral(question, f"{question.name}.", *(f"ns{n}.{question.name}.test." for n in range(9)))


def test_lookups_within_lookups_end(monkeypatch: pytest.MonkeyPatch) -> None:
    walk, asked = walked(deep, "z.example")
    assert isinstance(walk.end, Lost)
    assert len(asked) <= MAX_QUERIES


def test_the_budget_bounds_what_nothing_else_does() -> None:
    """32 levels of delegation, of which each needs a lookup."""

    def world(question: Question) -> Sections | Missed:
        if question.zone == ".":
            return elsewhere(question)
        if question.name.endswith(".test"):
            return answer(question, f"{question.name}. A 192.0.2.9")
        rest = question.name.removesuffix(question.zone).rstrip(".").split(".")
        cut = f"{rest[-1]}.{question.zone}"
        return referral(question, f"{cut}.", f"ns.{cut}.test.")

    walk, asked = walked(world, ".".join("abcdefghijklmnopqrstuvwxyz0123456789") + ".example")
    assert walk.end == Lost("dns.delegation", "it takes too many queries")
    assert len(asked) == MAX_QUERIES


def test_a_name_below_endless_delegations_is_given_up() -> None:
    def world(question: Question) -> Sections | Missed:
        rest = question.name.removesuffix(question.zone).rstrip(".").split(".")
        cut = rest[-1] if question.zone == "." else f"{rest[-1]}.{question.zone}"
        return referral(question, f"{cut}.", f"ns.{cut}.", glue=[f"ns.{cut}. 192.0.2.9"])

    walk, asked = walked(world, ".".join("ab" * 30))
    assert isinstance(walk.end, Lost)
    assert "too many delegations" in walk.end.why
    assert len(asked) == module.MAX_CUTS + 1


def test_a_server_whose_name_is_an_alias_is_not_used() -> None:
    def world(question: Question) -> Sections | Missed:
        if question.name == "ns.test" and question.zone == "test":
            return answer(question, "ns.test. CNAME b.test.", "b.test. A 192.0.2.66")
        return elsewhere(question)

    assert lost(world) == Lost("dns.delegation", "ns.test, a name server, is an alias")


def test_the_delegation_itself_can_be_what_is_looked_for() -> None:
    walk, _ = walked(tree, "shop.example", 2, to_cut=True)
    assert isinstance(walk.end, Referral)
    assert (walk.end.servers, walk.steps[-1].question.zone) == (
        ("ns1.shop.example", "ns2.shop.example"),
        "example",
    )


def test_walks_share_what_they_know_and_their_budget() -> None:
    budget, cuts = Budget(), dict[str, Cut]()
    first = Walk("www.shop.example", 1, 4, [ROOT], budget=budget, cuts=cuts)
    while (question := first.question()) is not None:
        first.take(tree(question))
    second = Walk("ftp.shop.example", 1, 4, [ROOT], budget=budget, cuts=cuts)
    question = second.question()
    assert question is not None
    assert question.zone == "shop.example"
    assert budget.left == MAX_QUERIES - 4


NAMES = st.sampled_from(
    [
        ".",
        "example.",
        "shop.example.",
        "www.shop.example.",
        "ns.shop.example.",
        "ns.test.",
        "test.",
        "a.test.",
    ]
)
TEXTS = st.lists(
    st.one_of(
        st.tuples(NAMES, st.sampled_from(["NS", "NS", "CNAME"]), NAMES).map(" ".join),
        st.tuples(NAMES, st.sampled_from(["A 192.0.2.8", "A 192.0.2.9"])).map(" ".join),
    ),
    max_size=5,
)
RESPONSES = st.one_of(
    st.builds(
        lambda answer, authority, additional, aa, rcode: said(
            "q.", answer=answer, authority=authority, additional=additional, aa=aa, rcode=rcode
        ),
        *(TEXTS, TEXTS, TEXTS, st.booleans()),
        st.sampled_from(["NOERROR", "NOERROR", "NOERROR", "NXDOMAIN", "REFUSED"]),
    ),
    st.just(SILENT),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(RESPONSES, min_size=1, max_size=12), st.booleans())
def test_whatever_servers_say_a_walk_ends_within_its_bounds(
    responses: Sequence[Sections | Missed], to_cut: bool
) -> None:
    number = iter(range(10**6))
    walk, asked = walked(lambda _: responses[next(number) % len(responses)], to_cut=to_cut)
    assert walk.end is not None
    assert len(asked) <= MAX_QUERIES
    assert len(asked) == len(walk.steps) + walk.lookups


def test_a_walk_over_ipv6_uses_and_looks_for_nothing_else() -> None:
    walk = Walk("www.shop.example", 1, 6, [Server("a.root", "2001:db8::1")], shuffle=lambda servers: None)
    first = walk.question()
    assert first is not None
    glue = ["ns1.shop.example. 192.0.2.3", "ns1.shop.example. 2001:db8::3"]
    walk.take(referral(first, "shop.example.", "ns1.shop.example.", "ns.test.", glue=glue))
    second = walk.question()
    assert second is not None
    assert second.server == Server("ns1.shop.example", "2001:db8::3")
    walk.take(SILENT)
    third = walk.question()
    assert third is not None
    assert (third.name, third.rdtype, third.zone) == ("ns.test", 28, ".")  # AAAA
