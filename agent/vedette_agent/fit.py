"""Makes whatever a target sent fit the contract: printable, cut, within bounds. Knows facts by their types.

A fact that a kind of check adds is covered as soon as its type has a bound.
"""

from functools import cache
from typing import Any, Final

from msgspec import inspect, structs

from vedette.wire import limits
from vedette.wire.facts import Facts


def text(value: str, most: int) -> str:
    """*value*, printable and at most *most* characters long; an ellipsis shows that something was cut."""
    # Cut first: what is escaped may grow sixfold, and what comes in may be a megabyte.
    if len(value) > most:
        value = value[:most] + "…"
    if not value.isprintable():
        value = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
    return value if len(value) <= most else value[: most - 1] + "…"


def fitted(facts: Facts) -> Facts:
    """*facts* as the contract takes them. Texts are cut, numbers brought within bounds, lists shortened."""
    made: Facts = _fit(facts, _kind_of_facts())
    return made


@cache
def _kind_of_facts() -> inspect.Type:
    """Looked at once: that takes longer than the probe of a web site."""
    return inspect.type_info(Facts)


def _fit(value: Any, kind: inspect.Type) -> Any:
    match kind:
        case inspect.UnionType():
            return None if value is None else _fit(value, next(t for t in kind.types if t != _NONE))
        case inspect.StructType():
            changed = {field.name: _fit(getattr(value, field.name), field.type) for field in kind.fields}
            return structs.replace(value, **changed)
        case inspect.StrType():
            return text(value, kind.max_length or limits.MAX_TEXT)
        case inspect.IntType():
            return min(max(value, kind.ge or 0), limits.MAX_SEQ if kind.le is None else kind.le)
        case inspect.ListType():
            return [_fit(one, kind.item_type) for one in value[: kind.max_length]]
        case _:
            return value  # a flag, or a word of ours


_NONE: Final = inspect.NoneType()
