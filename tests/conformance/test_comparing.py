"""What compares the cases notices what it should."""

import msgspec
import pytest

from conformance.cases import Came, Case, Table, amiss, filled, samples
from conformance.peer import at_odds
from vedette.wire.messages import Result

CASE = Case(name="a", origin="TestA, case 1", outcome="ok", metrics={"probe_ip_protocol": 4, "gone": None})
OK = Result(check="case-0", outcome="ok", started_us=1)
CAME = Came(OK, {"probe_success": 1.0, "probe_ip_protocol": 4.0, "probe_duration_seconds": 0.1})
THEIRS = {
    "probe_success": 1.0,
    "probe_ip_protocol": 4.0,
    "probe_duration_seconds": 0.2,
    "probe_ip_addr_hash": 7.0,
}


def test_what_is_as_it_should_be_is_not_told() -> None:
    assert amiss(CASE, {}, CAME) == []
    assert at_odds(CASE, CAME, THEIRS) == []


def test_another_outcome_or_value_is_told() -> None:
    failed = msgspec.structs.replace(OK, outcome="fail", reason="dns.nodata")
    assert amiss(CASE, {}, Came(failed, CAME.samples)) == ["fail dns.nodata (None), not ok"]
    assert amiss(CASE, {}, Came(OK, {"probe_ip_protocol": 6.0, "gone": 0.0})) == [
        "probe_ip_protocol is 6.0, not 4",
        "gone is 0.0, not None",
    ]
    present = msgspec.structs.replace(CASE, metrics={"gone": "any"})
    assert amiss(present, {}, CAME) == ["gone is None, not any"]


@pytest.mark.parametrize(
    ("theirs", "line"),
    [
        ({"probe_ip_protocol": 6.0}, "probe_ip_protocol is 4.0, and 6.0 there"),
        ({"probe_success": 0.0}, "probe_success is 0.0 there, not 1.0 as in the table"),
        ({"probe_new": 1.0}, "probe_new is only there"),
    ],
)
def test_what_the_other_exporter_says_otherwise_is_told(theirs: dict[str, float], line: str) -> None:
    assert at_odds(CASE, CAME, {**THEIRS, **theirs}) == [line]


def test_a_value_of_theirs_that_is_in_the_table_must_be_that() -> None:
    six = msgspec.structs.replace(CASE, their_metrics={"probe_ip_protocol": 6})
    assert at_odds(six, CAME, {**THEIRS, "probe_ip_protocol": 6.0}) == []
    assert at_odds(six, CAME, THEIRS) == ["probe_ip_protocol is 4.0 there, not 6 as in the table"]


def test_what_only_we_have_is_told() -> None:
    assert at_odds(CASE, CAME, {"probe_success": 1.0}) == ["probe_ip_protocol is only here"]


def test_a_missing_case_is_counted() -> None:
    table = Table(source="a_test.go", counts={"TestA": 2, "TestB": 1}, cases=[CASE])
    assert table.miscounted() == {"TestA": (1, 2), "TestB": (0, 1)}


def test_words_are_filled_in_with_their_type_where_they_stand_alone() -> None:
    assert filled({"a": ["<port>", "host:<port>", "<other>"]}, {"port": 53}) == {
        "a": [53, "host:53", "<other>"]
    }


def test_series_are_told_apart_by_labels_that_are_not_in_all_of_them() -> None:
    page = 'a{check="c",agent="x",target="t",b="1"} 2\na{check="c",agent="x",target="t"} 3\n'
    assert samples(page) == {'a{b="1"}': 2.0, "a": 3.0}
