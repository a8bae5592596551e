"""What a name server says must not stay in memory."""

from vedette_agent.dns import judge


def test_long_answers_are_compared_and_forgotten() -> None:
    """A TXT record may have 64 KiB, and a hostile server another one for every query."""
    judge._remembered.cache_clear()
    long = "v=spf1 " + "a" * 60_000
    assert judge.canonical(f" {long}  b ", "CAA") == f"{long} b"
    assert judge._remembered.cache_info().currsize == 0
    assert judge.canonical("192.0.2.1", "A") == "192.0.2.1"
    assert judge._remembered.cache_info().currsize == 1
