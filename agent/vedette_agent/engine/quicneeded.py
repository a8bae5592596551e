"""Loads what QUIC needs where a check asks for it: some 13 MB that other agents do without."""

from vedette.wire.failure import NotRun
from vedette_agent.engine.record import ProbeSpoiled


def need_quic() -> None:
    """Raises ProbeSpoiled(configuration) where the packages are not installed."""
    try:
        import vedette_agent.engine.quictls  # noqa: F401
    except ImportError as exc:
        said = "QUIC needs packages that are not installed: pip install 'vedette[quic]'"
        raise ProbeSpoiled(NotRun.CONFIGURATION, said) from exc
