"""docs/checks.md says what the schema says, and its example is one that works."""

import re
from pathlib import Path

from vedette.checks import read
from vedette.checks.reference import renewed

DOCS = Path(__file__).parents[2] / "docs" / "checks.md"


def test_page_is_current() -> None:
    """`python -m vedette.checks.reference docs/checks.md` renews it."""
    page = DOCS.read_text(encoding="utf-8")
    assert "## `checks[].http.expect`" in page
    assert renewed(page) == page


def test_example_is_a_configuration() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(read.loads(example.encode(), "docs").checks) == 2
