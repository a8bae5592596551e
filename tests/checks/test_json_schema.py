"""The schema for editors accepts what the reader accepts, and sees by itself what needs no second value."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from msgspec import inspect as kinds

from vedette.checks import json_schema, read
from vedette.checks.schema import Configuration

HERE = Path(__file__).parent
COMMITTED = HERE.parents[1] / "docs" / "vedette.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(json_schema.document())

# What only the reader can tell: a second value is needed, or a language inside the text.
READER_ONLY = {
    "address", "cidr", "default_timeout_beyond_interval", "dns_names", "duplicate_names", "merge_key",
    "headers", "host_port", "http3", "interval_bounds", "regex", "resolver", "timeout_beyond_interval",
}  # fmt: skip
# What YAML itself refuses before any schema is asked.
NO_YAML = {
    "alias_bomb", "bad_indentation", "colon_in_value", "complex_key", "control_character", "deep",
    "duplicate_key", "empty", "missing_colon", "not_utf8", "only_comments", "second_document",
    "special_character", "tab", "unclosed_bracket", "unclosed_quote", "unknown_alias", "unknown_escape",
    "yaml_tag",
}  # fmt: skip


def plain(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_it_is_a_schema_of_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema.document())


def test_committed_copy_is_current() -> None:
    """`vedette schema > docs/vedette.schema.json` renews it."""
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == json_schema.document()


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.yaml")), ids=lambda path: path.stem)
def test_good_file_is_valid_and_names_the_schema(path: Path) -> None:
    VALIDATOR.validate(plain(path))
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert named is not None
    assert (path.parent / named[1]).resolve() == COMMITTED


@pytest.mark.parametrize("path", sorted((HERE / "bad").glob("*.yaml")), ids=lambda path: path.stem)
def test_bad_file_is_invalid_unless_only_the_reader_can_tell(path: Path) -> None:
    if path.stem in NO_YAML:
        return
    assert VALIDATOR.is_valid(plain(path)) == (path.stem in READER_ONLY)


def objects(schema: Any) -> list[dict[str, Any]]:
    found = [schema] if isinstance(schema, dict) and "properties" in schema else []
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    return found + [one for value in inner for one in objects(value)]


def test_every_section_is_closed_and_described() -> None:
    sections = objects(json_schema.document())
    assert len(sections) > 10
    assert [one["title"] for one in sections if one.get("additionalProperties") is not False] == []
    assert [one["title"] for one in sections if not one.get("description")] == []


def test_null_is_nowhere_allowed() -> None:
    assert "null" not in json.dumps(json_schema.document())


def test_every_pattern_in_the_schema_is_explained_by_the_reader() -> None:
    """The walk never shows a bare pattern to people: each one has a function that says what to write."""
    unexplained: list[str] = []

    def walk(info: kinds.Type, path: str, is_read: bool, seen: frozenset[type]) -> None:
        if isinstance(info, kinds.StrType) and info.pattern and not is_read:
            unexplained.append(path)
        is_read = isinstance(info, kinds.Metadata) and (is_read or "read" in (info.extra or {}))
        for name in ("type", "item_type", "key_type", "value_type"):
            if isinstance(getattr(info, name, None), kinds.Type):
                walk(getattr(info, name), path, is_read, seen)
        for one in getattr(info, "types", ()):
            walk(one, path, False, seen)
        if isinstance(info, kinds.StructType) and info.cls not in seen:
            for field in info.fields:
                walk(field.type, f"{path}.{field.name}", False, seen | {info.cls})

    walk(msgspec.inspect.type_info(Configuration), "", False, frozenset())
    assert unexplained == []


def test_examples_and_defaults_in_the_schema_are_accepted_by_the_reader() -> None:
    def walk(info: kinds.Type, seen: frozenset[type]) -> int:
        count = 0
        if isinstance(info, kinds.Metadata) and "read" in (info.extra or {}):
            for example in (info.extra_json_schema or {}).get("examples", []):
                info.extra["read"](example)
                count += 1
        for name in ("type", "item_type", "key_type", "value_type"):
            if isinstance(getattr(info, name, None), kinds.Type):
                count += walk(getattr(info, name), seen)
        count += sum(walk(one, seen) for one in getattr(info, "types", ()))
        if isinstance(info, kinds.StructType) and info.cls not in seen:
            count += sum(walk(field.type, seen | {info.cls}) for field in info.fields)
        return count

    assert walk(msgspec.inspect.type_info(Configuration), frozenset()) > 20


def test_reader_and_schema_agree_on_the_least_configuration() -> None:
    least = b"agents: [{name: abc}]\nchecks: [{name: a, icmp: {host: a.example}}]\n"
    assert read.loads(least, "x").checks
    VALIDATOR.validate(yaml.safe_load(least.decode()))
