"""Log lines: one event each, parseable, without secrets, with the journal's priorities where it listens."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from vedette import log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What `log.setup` sends to its stream; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.setup("debug", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_event_with_fields(lines: io.StringIO) -> None:
    logging.getLogger("vedette.test").info(
        "connected to broker",
        extra=log.fields(broker="mqtt://b:1883", tries=3, wait=0.25, clean=True, why=None),
    )
    stamp, _, rest = lines.getvalue().partition(" ")
    assert stamp.startswith("ts=20")
    assert stamp.endswith("Z")
    assert rest == (
        'level=info logger=vedette.test msg="connected to broker" '
        "broker=mqtt://b:1883 tries=3 wait=0.25 clean=true\n"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ('say "x"', '"say \\"x\\""'),
        ("a=b", '"a=b"'),
        ("two\nlines", '"two\\nlines"'),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        ("caf\u00e9", "caf\u00e9"),
        ("\u202egnp.exe", '"\\u202egnp.exe"'),
        ("x" * 2000, "x" * 1000 + "…"),
    ],
)
def test_value_is_one_token_of_one_line(value: str, shown: str, lines: io.StringIO) -> None:
    logging.getLogger("t").warning("e", extra=log.fields(value=value))
    assert lines.getvalue().endswith(f" value={shown}\n")
    assert lines.getvalue().count("\n") == 1


def test_secrets_are_hidden(lines: io.StringIO) -> None:
    """The canary never reaches the line, whichever way it comes."""
    logging.getLogger("t").info(
        "to mqtt://user:canary@host/x",
        extra=log.fields(
            password="canary",
            broker="mqtts://user:canary@host",
            api_token="canary",
            Authorization="Bearer canary",
            url="https://canary@host/path",
        ),
    )
    line = lines.getvalue()
    assert "canary" not in line
    assert 'msg="to mqtt://***@host/x" password=*** broker=mqtts://***@host api_token=***' in line


def test_traceback_is_one_event(lines: io.StringIO) -> None:
    try:
        raise ValueError("boom\nsecond line")
    except ValueError:
        logging.getLogger("t").exception("probe broke")
    line = lines.getvalue()
    assert line.count("\n") == 1
    assert "ValueError: boom\\nsecond line" in line


def test_level(lines: io.StringIO) -> None:
    log.setup("warning", lines)
    logging.getLogger("t").info("quiet")
    logging.getLogger("t").error("loud")
    assert [line.split("msg=")[1] for line in lines.getvalue().splitlines()] == ["loud"]


def test_setup_twice_logs_once(lines: io.StringIO) -> None:
    log.setup("info", lines)
    logging.getLogger("t").info("once")
    assert lines.getvalue().count("once") == 1


SCRIPT = "import logging; from vedette import log; log.setup('info'); logging.getLogger('t').error('e')"


@pytest.mark.parametrize(("offset", "start"), [(0, "<3>ts="), (1, "ts=")])
def test_journal_priorities_only_where_the_journal_listens(offset: int, start: str) -> None:
    """systemd names device and inode of the stream it connected; another stream gets plain lines."""
    reader, writer = os.pipe()
    status = os.fstat(writer)
    with os.fdopen(reader) as output:
        with os.fdopen(writer, "w") as stderr:
            subprocess.run(
                [sys.executable, "-c", SCRIPT],
                stderr=stderr,
                check=True,
                timeout=60,
                env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + offset}"},
            )
        assert output.read().startswith(start)


def test_closed_stderr_stops_nothing() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import os; os.close(2); os.open('/dev/full', os.O_WRONLY); {SCRIPT}; print('on')",
        ],
        stdout=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, b"on\n")
