"""Which shape a node has and which one a type of the schema reads."""

import math

from msgspec import inspect as kinds

from vedette.checks.tree import Mapping, Node, Scalar, Sequence


def takes(info: kinds.Type, node: Node) -> bool:
    """Whether the shape of *node* is the one that *info* reads."""
    match info:
        case kinds.StructType() | kinds.DictType():
            return isinstance(node, Mapping)
        case kinds.ListType():
            return isinstance(node, Sequence)
        case _ if not isinstance(node, Scalar):
            return False
        case kinds.BoolType():
            return is_flag(node)
        case kinds.IntType():
            return is_number(node) and isinstance(node.value, int)
        case kinds.FloatType():
            return isinstance(node.value, int | float) and is_number(node) and math.isfinite(node.value)
        case _:
            return isinstance(node.value, str)


def is_flag(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, bool)


def is_number(node: Node) -> bool:
    # bool is an int to Python.
    return isinstance(node, Scalar) and isinstance(node.value, int | float) and not is_flag(node)


def struct_in(info: kinds.Type) -> tuple[kinds.StructType | None, bool]:
    """The mapping that a field takes, or that each entry of its list is."""
    info = bare(info)
    if isinstance(info, kinds.UnionType):
        found = (struct_in(one) for one in info.types)
        return next((one for one in found if one[0] is not None), (None, False))
    if isinstance(info, kinds.ListType):
        return struct_in(info.item_type)[0], True
    return (info, False) if isinstance(info, kinds.StructType) else (None, False)


def bare(info: kinds.Type) -> kinds.Type:
    while isinstance(info, kinds.Metadata):
        info = info.type
    return info
