"""docs/checks.md and docs/checks/ say what the schema says, and their examples are some that work."""

import re
from pathlib import Path

import pytest

from vedette.checks import read
from vedette.checks.reference import pages, renewed

OVERVIEW = Path(__file__).parents[2] / "docs" / "checks.md"
PAGES = pages(OVERVIEW)


@pytest.mark.parametrize(("path", "kind"), PAGES.items(), ids=lambda value: getattr(value, "stem", value))
def test_page_is_current(path: Path, kind: str | None) -> None:
    """`python -m vedette.checks.reference docs/checks.md` renews all of them."""
    page = path.read_text(encoding="utf-8")
    assert f"## `{kind or 'checks[]'}`" in page
    assert renewed(page, kind) == page


@pytest.mark.parametrize(("path", "kind"), PAGES.items(), ids=lambda value: getattr(value, "stem", value))
def test_examples_are_configurations(path: Path, kind: str | None) -> None:
    """Every block of YAML that names agents is a whole file, and one at least shows the kind of the page."""
    blocks = re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    files = [read.loads(block.encode(), path.name) for block in blocks if "agents:" in block]
    shown = {type(check).__struct_config__.tag for file in files for check in file.checks}
    assert shown
    assert kind is None or kind in shown


def test_every_page_is_one_of_a_kind() -> None:
    assert set(OVERVIEW.with_suffix("").glob("*.md")) == {path for path, kind in PAGES.items() if kind}
