"""One resolution from the roots down."""

from vedette.checks.model.base import BaseCheck


class TraceCheck(BaseCheck, frozen=True, kw_only=True, tag="trace"):
    query_name: str  # absolute, without the final dot; "." for the root
    rdtype: str = "A"
    roots: tuple[str, ...] = ()  # addresses of the family; none: the root servers
    port: int = 53  # of every server
