"""What of the command line is refused, with a line that says what to do."""

import argparse
from pathlib import Path

import pytest

from vedette.errors import ConfigError
from vedette_collector.remote.settings import Settings, add_options, settings_from

URL = "http://localhost:9090/api/v1/write"


def settings(*argv: str) -> Settings | None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return settings_from(parser.parse_args(argv))


def with_url(*argv: str) -> Settings:
    found = settings("--remote-write-url", URL, *argv)
    assert found is not None
    return found


def test_without_a_url_nothing_is_written() -> None:
    assert settings() is None


def test_the_defaults_are_those_of_the_shipped_scrape() -> None:
    assert with_url() == Settings(url=URL, labels={}, window_seconds=3600.0)


def test_labels_and_the_window_are_taken_over() -> None:
    found = with_url(
        "--remote-write-label", "collector=c1:9960",
        "--remote-write-label", "instance=",
        "--remote-write-window", "30m",
    )  # fmt: skip
    assert found.labels == {"collector": "c1:9960", "instance": ""}
    assert found.window_seconds == 1800.0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--remote-write-label", "job=x"], "needs --remote-write-url"),
        (["--remote-write-window", "2h"], "needs --remote-write-url"),
        (["--remote-write-url", "localhost:9090"], "expected http://"),
        (["--remote-write-url", "ftp://localhost/"], "expected http://"),
        (["--remote-write-url", "http://"], "expected http://"),
        (["--remote-write-url", "http://localhost:0/"], "expected http://"),
        (["--remote-write-url", "http://localhost:x/"], "expected http://"),
        (["--remote-write-url", "http://localhost/#a"], "expected http://"),
        (["--remote-write-url", "http://u:secret@localhost/"], "no user name or password"),
        (["--remote-write-url", URL, "--remote-write-label", "job"], "expected NAME=VALUE"),
        (["--remote-write-url", URL, "--remote-write-label", "1a=b"], "not the name of a label"),
        (["--remote-write-url", URL, "--remote-write-label", "a-b=c"], "not the name of a label"),
        (["--remote-write-url", URL, "--remote-write-label", "target=c"], "comes from the configuration"),
        (["--remote-write-url", URL, "--remote-write-label", "__name__=c"], "comes from the configuration"),
        (["--remote-write-url", URL, *["--remote-write-label", "a=b"] * 2], "twice"),
        (["--remote-write-url", URL, "--remote-write-window", "0h"], "such as 30m"),
        (["--remote-write-url", URL, "--remote-write-window", "1w"], "such as 30m"),
        (["--remote-write-url", URL, "--remote-write-username", "u"], "go together"),
        (["--remote-write-url", URL, "--remote-write-password-file", "f"], "go together"),
        (["--remote-write-url", URL, "--remote-write-ca", "f"], "need https"),
        (["--remote-write-url", URL, "--remote-write-bearer-file", "none"], "none: cannot read the secret"),
        (
            ["--remote-write-url", URL, "--remote-write-bearer-file", "f", "--remote-write-username", "u"],
            "exclude each other",
        ),
    ],
)
def test_what_cannot_work_is_refused(argv: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        settings(*argv)
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\nx", b"a\tb", b"a\x00b", b"\xff"])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nor can one bring a header of its own."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="token"):
        with_url("--remote-write-bearer-file", str(file))


def test_the_first_line_of_the_file_is_the_secret(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"abc\r\ncomment\n")
    assert with_url("--remote-write-bearer-file", str(file)).authorization() == "Bearer abc"
    found = with_url("--remote-write-username", "u", "--remote-write-password-file", str(file))
    assert found.authorization() == "Basic dTphYmM="


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    for content in (None, b"no certificate"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ConfigError, match=r"ca\.pem: cannot read the CA"):
            settings("--remote-write-url", "https://localhost/write", "--remote-write-ca", str(file))
