"""Facts as the difference from earlier ones, after the idea of JSON Merge Patch (RFC 7396).

Most facts never change, and those that do are mostly a number. So a sender says them whole once, and from
then on what differs from that *base*: the last facts of the check, in this epoch, that were sent whole and
that the collector has acknowledged. A diff depends on its base alone and not on other diffs, so results that
are lost, repeated or late do no harm.

    {}                               all as in the base
    {"dns": {"ttl_seconds": 17}}     this field of this kind; a default or null is said like any other value
    {"tls": null}                    nothing of this kind any more
"""

from typing import Any, Final

import msgspec

from vedette.errors import WireError
from vedette.wire.facts import Facts

_NAMES: Final = Facts.__struct_fields__


def diff(base: Facts, now: Facts) -> dict[str, Any]:
    """What makes *now* of *base*, ready to be encoded."""
    found: dict[str, Any] = {}
    for name in _NAMES:
        before, after = getattr(base, name), getattr(now, name)
        if before is after or before == after:
            continue
        if isinstance(before, msgspec.Struct) and isinstance(after, msgspec.Struct):
            found[name] = {
                field: value
                for field in after.__struct_fields__
                if (value := getattr(after, field)) != getattr(before, field)
            }
        else:
            found[name] = after
    return found


def patched(base: Facts, difference: dict[str, Any]) -> Facts:
    """*base* with *difference*. Raises WireError("schema") for what breaks the bounds of facts."""
    if not difference:
        return base
    whole: dict[str, Any] = msgspec.to_builtins(base)
    for name, part in difference.items():
        known = whole.get(name)
        if isinstance(known, dict) and isinstance(part, dict):
            known.update(part)
        else:
            whole[name] = part
    try:
        return msgspec.convert(whole, Facts)
    except (msgspec.ValidationError, RecursionError) as exc:
        raise WireError("schema", f"diff: {exc}"[:200]) from exc
