"""The reference of every key of the configuration file, made from the structs that read it.

`python -m vedette.checks.reference docs/checks.md` renews what stands below the marker of that page, and of
the page of each kind of check in `docs/checks/`.
"""

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect as kinds

from vedette.checks import anchors, dnstext, formats
from vedette.checks.schema import KINDS, Check, Configuration

MARKER: Final = "<!-- From here on made by `python -m vedette.checks.reference docs/checks.md`. -->\n"

_WHAT: Final = {
    anchors.anchor: "DS or DNSKEY record",
    dnstext.addressed_server: "address or name, port or none",
    dnstext.record_type: "record type",
    dnstext.resolver: "server, or https URL",
    dnstext.resolver_name: "name",
    dnstext.server: "server",
    dnstext.literal_server: "`host`, or address, port or none",
    dnstext.https_url: "https URL",
    formats.suffix: "name",
    formats.duration: "duration",
    formats.interval: "duration",
    formats.timeout: "duration",
    formats.size: "size",
    formats.regex: "regular expression",
    formats.host_port: "host:port",
    formats.endpoint: "address, port or none",
    formats.address: "literal address",
    formats.network: "network",
    formats.url: "URL",
    formats.websocket_url: "URL",
    formats.hex_bytes: "bytes in hexadecimal",
    formats.subprotocol: "name",
    formats.grpc_service: "name",
    formats.dns_name: "DNS name",
    formats.host: "host",
    formats.absolute_path: "absolute path",
    formats.statuses: "range of codes",
    formats.short_time: "duration",
    formats.share: "share",
}


def renewed(page: str, kind: str | None = None) -> str:
    """*page* with its generated part made anew: what all checks share, or what *kind* has of its own."""
    written = page.partition(MARKER)[0].rstrip("\n")
    return f"{written}\n\n{MARKER}\n{_shared() if kind is None else _own(kind)}"


def pages(overview: Path) -> dict[Path, str | None]:
    """Every page of the reference, with the kind of check that it is about; None for the *overview*."""
    directory = overview.with_suffix("")
    return {overview: None, **{directory / f"{kind}.md": kind for kind in KINDS}}


def _shared() -> str:
    return "\n".join(_sections(_struct(Configuration), "The file", set(), without=KINDS))


def _own(kind: str) -> str:
    field = next(field for field in _struct(Check).fields if field.name == kind)
    info = _struct_in(field.type)
    assert info is not None
    return "\n".join(_sections(info, f"`{kind}`", set()))


def _struct(cls: type) -> kinds.StructType:
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, kinds.StructType)
    return info


def _sections(
    info: kinds.StructType, title: str, seen: set[type], without: Collection[str] = ()
) -> list[str]:
    """Tables of *info* and all below it, but for the insides of the fields in *without*."""
    if info.cls in seen:
        return [f"## {title}\n", f"As above: {_summary(info)}\n"]
    seen.add(info.cls)
    lines = [
        f"## {title}\n",
        f"{_summary(info)}\n",
        "| key | value | default | meaning |",
        "|---|---|---|---|",
    ]
    lines += [_row(field) for field in info.fields]
    lines.append("")
    for field in info.fields:
        inner = None if field.name in without else _struct_in(field.type)
        if inner is not None:
            place = "" if title == "The file" else f"{title.strip('`')}."
            lines += _sections(inner, f"`{place}{field.name}{_entries(field.type)}`", seen, without)
    return lines


def _row(field: kinds.Field) -> str:
    types = _given(field.type)
    default = "required"
    if not field.required:
        value = field.default if field.default is not msgspec.NODEFAULT else None
        default = "" if value is None or value == {} or _struct_in(field.type) else f"`{_json(value)}`"
    value = " or ".join(_value(one) for one in types)
    return f"| `{field.name}` | {value} | {default} | {_about(field.type)} |"


def _value(info: kinds.Type) -> str:
    match info:
        case kinds.Metadata() if "read" in (info.extra or {}):
            return _WHAT.get((info.extra or {})["read"], "text")
        case kinds.Metadata():
            return _value(info.type)
        case kinds.UnionType():
            return " or ".join(_value(one) for one in _given(info))
        case kinds.ListType():
            return "list" if _is_struct(info.item_type) else f"list of {_value(info.item_type)}"
        case kinds.LiteralType():
            return ", ".join(f"`{value}`" for value in info.values)
        case kinds.DictType():
            return f"mapping of text to {_value(info.value_type)}"
        case kinds.StructType():
            return "mapping"
        case kinds.BoolType():
            return "`true`, `false`"
        case kinds.IntType() | kinds.FloatType():
            what = "whole number" if isinstance(info, kinds.IntType) else "number"
            return what if info.ge is None else f"{what}, {info.ge} to {info.le}"
        case _:
            return "text"


def _about(info: kinds.Type) -> str:
    match info:
        case kinds.Metadata():
            schema: dict[str, Any] = info.extra_json_schema or {}
            said = [str(schema["description"])] if "description" in schema else []
            said += (
                [f"such as {', '.join(f'`{one}`' for one in schema['examples'])}"]
                if "examples" in schema
                else []
            )
            return "; ".join(said) or _about(info.type)
        case kinds.UnionType():
            return "; ".join(filter(None, (_about(one) for one in info.types)))
        case kinds.StructType():
            return _summary(info).rstrip(".")
        case _:
            return ""


def _summary(info: kinds.StructType) -> str:
    return str(info.cls.__doc__).strip()


def _given(info: kinds.Type) -> list[kinds.Type]:
    """What may stand there: the members of a union without None, through its annotations."""
    bare = info
    while isinstance(bare, kinds.Metadata) and "read" not in (bare.extra or {}):
        bare = bare.type
    if isinstance(bare, kinds.UnionType):
        return [found for one in bare.types if not isinstance(one, kinds.NoneType) for found in _given(one)]
    return [bare]


def _struct_in(info: kinds.Type) -> kinds.StructType | None:
    """What may stand there with keys of its own: itself, or as an entry of a list or mapping. The first."""
    for one in _given(info):
        match one:
            case kinds.ListType():
                found = _struct_in(one.item_type)
            case kinds.DictType():
                found = _struct_in(one.value_type)
            case kinds.StructType():
                found = one
            case _:
                found = None
        if found is not None:
            return found
    return None


def _entries(info: kinds.Type) -> str:
    """What stands behind the name of a key whose entries have the keys, and not it."""
    match _given(info)[0]:
        case kinds.ListType():
            return "[]"
        case kinds.DictType():
            return ".…"
        case _:
            return ""


def _is_struct(info: kinds.Type) -> bool:
    return all(isinstance(one, kinds.StructType) for one in _given(info))


def _json(value: object) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    for path, about in pages(Path(sys.argv[1])).items():
        path.write_text(renewed(path.read_text(encoding="utf-8"), about), encoding="utf-8")
