"""The configuration file's JSON Schema (draft 2020-12), for editors: made from the structs that read it.

It holds what stands inside one value; rules between values (durations against each other, names that must
differ, tags that must exist) are told by `vedette check config`.
"""

from typing import Any

import msgspec

from vedette.checks.schema import KINDS, Configuration


def document() -> dict[str, Any]:
    made: dict[str, Any] = _without_null(msgspec.json.schema(Configuration))
    made["$defs"]["Check"]["oneOf"] = [{"required": [kind]} for kind in KINDS]
    root = made["$defs"].pop("Configuration")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "Vedette configuration",
        "$defs": made["$defs"],
    }


def _without_null(schema: Any) -> Any:
    """None means "not given" in a struct; in the file a key without a value is a mistake."""
    if isinstance(schema, list):
        return [_without_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _without_null(value) for key, value in schema.items() if value is not None}
    if "anyOf" in plain:
        kept = [one for one in plain.pop("anyOf") if one != {"type": "null"}]
        plain = {**kept[0], **plain} if len(kept) == 1 else {"anyOf": kept, **plain}
    return plain
