"""Hypothesis strategies for wire messages, made from their types: a new field needs no word here."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as kinds

from vedette.wire import limits
from vedette.wire.messages import Ack, Ask, Batch, Evidence, Heartbeat, Presence

# msgspec writes UTF-8, which has no lone surrogates; outcome.py escapes them before they get here.
TEXT = st.characters(exclude_categories=["Cs"])
MOST = 3  # of a list; and of the fields of a record that need not be there, or messages get slow to draw


def drawn(info: kinds.Type) -> st.SearchStrategy[Any]:
    match info:
        case kinds.Metadata():
            return drawn(info.type)
        case kinds.UnionType():
            return st.one_of([drawn(one) for one in info.types])
        case kinds.NoneType():
            return st.none()
        case kinds.StructType():
            return _struct(info)
        case kinds.ListType():
            most = min(info.max_length or MOST, MOST)
            return st.lists(drawn(info.item_type), min_size=info.min_length or 0, max_size=most)
        case kinds.DictType():
            return st.dictionaries(drawn(info.key_type), drawn(info.value_type), max_size=MOST)
        case kinds.LiteralType():
            return st.sampled_from(info.values)
        case kinds.AnyType():
            return st.none() | st.integers(-(2**53), 2**53) | st.text(TEXT, max_size=10)
        case kinds.TupleType():
            return st.tuples(*[drawn(one) for one in info.item_types])
        case kinds.BoolType():
            return st.booleans()
        case kinds.IntType():
            return st.integers(
                -(2**53) if info.ge is None else info.ge, 2**53 if info.le is None else info.le
            )
        case kinds.BytesType():
            return st.binary(max_size=min(info.max_length or 40, 40))
        case kinds.StrType(pattern=None):
            return st.text(TEXT, max_size=min(info.max_length or 40, 40))
        case kinds.StrType():
            assert info.pattern is not None
            return st.from_regex(info.pattern, fullmatch=True).filter(
                lambda text: len(text) <= (info.max_length or 1000)
            )
        case _:
            raise AssertionError(f"the contract uses {info}")


def _struct(info: kinds.StructType) -> st.SearchStrategy[Any]:
    required = {field.name: drawn(field.type) for field in info.fields if field.required}
    optional = {field.name: drawn(field.type) for field in info.fields if not field.required}
    if "v" in required:
        required["v"] = st.just(limits.VERSION)
    names = (
        st.lists(st.sampled_from(sorted(optional)), max_size=MOST, unique=True) if optional else st.just([])
    )

    @st.composite
    def made(draw: st.DrawFn) -> Any:
        chosen = {name: optional[name] for name in draw(names)}
        return info.cls(**{name: draw(value) for name, value in (required | chosen).items()})

    return made()


MESSAGE: st.SearchStrategy[Any] = st.one_of(
    [drawn(msgspec.inspect.type_info(kind)) for kind in (Batch, Presence, Heartbeat, Evidence, Ack, Ask)]
)
