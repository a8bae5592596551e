"""docs/dependencies.md lists what is declared, all of it and nothing else; so do the lock's inputs."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None, requirement
    return match[0].lower()


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of the table under *heading*, by package."""
    page = (ROOT / "docs" / "dependencies.md").read_text()
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [
        re.split(r"\s*\|\s*", line.strip("| ")) for line in section.splitlines() if line.startswith("| `")
    ]
    return {row[0].strip("`").lower(): row[1:] for row in cells}


def declared() -> dict[str, set[str]]:
    """Run-time package to who needs it."""
    found: dict[str, set[str]] = {name(one): {"everything"} for one in PROJECT["project"]["dependencies"]}
    for extra, requirements in PROJECT["project"]["optional-dependencies"].items():
        for one in requirements:
            if name(one) != "vedette":
                found.setdefault(name(one), set()).add(extra)
    return found


def lock_input(file: str) -> set[str]:
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    return {name(line) for line in lines if line and not line.startswith(("#", "-"))}


def test_every_run_time_dependency_has_a_row_that_says_who_and_why() -> None:
    page = rows("At run time")
    assert set(page) == set(declared())
    for package, who in declared().items():
        users, purpose, instead = page[package]
        assert who <= set(users.split(", ")), package
        assert purpose
        assert instead


def test_every_development_dependency_has_a_row() -> None:
    page = rows("To build and to test")
    build = {name(one) for one in PROJECT["build-system"]["requires"]}
    assert set(page) == lock_input("dev.in") | build
    assert all(purpose for (purpose,) in page.values())


def test_the_lock_is_made_from_what_is_declared() -> None:
    build = {name(one) for one in PROJECT["build-system"]["requires"]}
    assert lock_input("run.in") == set(declared()) | build


def test_every_locked_requirement_has_a_hash_and_no_index_is_named() -> None:
    """An address in the lock would tie every user to one index."""
    for file in ("run.txt", "dev.txt"):
        text = (ROOT / "requirements" / file).read_text()
        pins = re.findall(r"^[a-z0-9][\w.-]*==", text, flags=re.MULTILINE | re.IGNORECASE)
        logical = text.replace("\\\n", " ").splitlines()
        assert pins
        assert all("--hash=sha256:" in line for line in logical if "==" in line and not line.startswith("#"))
        assert "://" not in text
        assert "--index-url" not in text


def test_vedette_up_brings_every_extra() -> None:
    """A configuration may ask for anything; on one machine there is nobody else to have it."""
    extras = PROJECT["project"]["optional-dependencies"]
    (own,) = (one for one in extras["up"] if name(one) == "vedette")
    assert set(re.findall(r"[a-z]+", own.partition("[")[2])) == set(extras) - {"up"}


def test_the_page_says_which_extra_is_for_what() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"]) - {"agent", "collector", "up"}
    assert set(rows("Extras")) == extras
