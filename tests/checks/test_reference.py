"""docs/checks.md and docs/checks/ say what the schema says, and their examples are some that work."""

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from vedette.checks import read
from vedette.checks.reference import MARKER, pages, renewed
from vedette.checks.schema import KINDS, Check

OVERVIEW = Path(__file__).parents[2] / "docs" / "checks.md"
PAGES = pages(OVERVIEW)


@pytest.mark.parametrize(("path", "kind"), PAGES.items(), ids=lambda value: getattr(value, "stem", value))
def test_page_is_current(path: Path, kind: str | None) -> None:
    """`python -m vedette.checks.reference docs/checks.md` renews all of them."""
    page = path.read_text(encoding="utf-8")
    assert f"## `{kind or 'checks[]'}`" in page
    assert renewed(page, kind) == page


@pytest.mark.parametrize("kind", KINDS)
def test_page_has_the_keys_of_every_struct_below_it(kind: str) -> None:
    """Also of those that stand in a list or mapping: found here by the annotations, there by msgspec."""
    page = (OVERVIEW.with_suffix("") / f"{kind}.md").read_text(encoding="utf-8")
    structs = _structs(get_type_hints(Check, include_extras=True)[kind])
    missing = {
        f"{struct.__name__}.{field}"
        for struct in structs
        for field in struct.__struct_fields__
        if f"| `{field}` |" not in _tables_of(struct, page)
    }
    assert structs
    assert not missing
    assert "None" not in page.partition(MARKER)[2]


def _structs(annotation: Any) -> set[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        inner = get_type_hints(annotation, include_extras=True).values()
        return {annotation}.union(*map(_structs, inner))
    return set().union(*map(_structs, get_args(annotation)))


def _tables_of(struct: type[msgspec.Struct], page: str) -> str:
    """What follows the summary of *struct*, up to the next heading."""
    return "".join(part.partition("\n## ")[0] for part in page.split(f"\n{struct.__doc__}\n")[1:])


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
