"""The cases of blackbox_exporter's configuration tests: what is refused here, and in which words."""

import pytest

from conformance.cases import Case, load, told

TABLE = load("config")


@pytest.mark.parametrize("case", TABLE.cases, ids=lambda case: case.origin)
def test_case(case: Case) -> None:
    said = told(case, {})
    assert ("bad config" if said else "ok", said) == (case.outcome, case.told or "")


def test_a_secret_is_not_repeated() -> None:
    assert [case.name for case in TABLE.cases if "mysecret" in told(case, {})] == []
