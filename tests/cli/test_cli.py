"""The `vedette` command: words, exit codes, and what it imports."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import vedette
from vedette import cli
from vedette.errors import ConfigError

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "tests" / "checks" / "good" / "every_kind.yaml"


def modules_after(code: str, *prefixes: str) -> str:
    """Which modules with *prefixes* a fresh interpreter has imported after *code*, as a list in text."""
    script = f"import sys; {code}; print([m for m in sys.modules if m.startswith({prefixes!r})])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()[-1]


@contextmanager
def command(monkeypatch: pytest.MonkeyPatch, target: str) -> Iterator[None]:
    """The word `it` stands for *target* of this module while the block runs."""
    with monkeypatch.context() as patch:
        patch.setitem(cli._OURS, "it", cli.Word("it", f"{__name__}:{target}"))
        yield


def test_every_word_has_a_line_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][cli.GROUP]
    assert {point.name for point in entry_points(group=cli.GROUP)} >= set(declared)
    assert {word.name: word.value for word in cli._OURS.values()} == declared
    assert cli.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for word in declared:
        (line,) = [line for line in lines if line.split()[:1] == [word]]
        assert ":" not in line.split(word, 1)[1].split()[0], "an entry point is no description"


def test_help_and_version_import_no_command() -> None:
    code = "from vedette.cli import main; main(['--help']); main(['--version']); main(['chek'])"
    assert modules_after(code, "vedette_", "vedette.checks", "vedette.up", "msgspec", "yaml") == "[]"


def test_a_command_imports_none_of_the_others() -> None:
    code = f"from vedette.cli import main; main(['check', 'config', {str(GOOD)!r}])"
    assert modules_after(code, "vedette_agent", "vedette_collector", "vedette.up", "aiohttp") == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"vedette {vedette.__version__}\n"


def test_no_word_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("usage: vedette COMMAND")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("chek", 'vedette: there is no command "chek"; did you mean "check"?\n'),
        ("zzz", 'vedette: there is no command "zzz"; `vedette --help` lists what there is\n'),
        ("--verbose", 'vedette: there is no option "--verbose"; `vedette --help` lists what there is\n'),
    ],
)
def test_unknown_word(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([word]) == 2
    assert capsys.readouterr().err == said


def interrupted(argv: list[str]) -> int:
    raise KeyboardInterrupt


def unusable(argv: list[str]) -> int:
    raise ConfigError("a.yaml:1:1: empty; fill it")


def left(argv: list[str]) -> int:
    sys.exit("a text")


def seven(argv: list[str]) -> int:
    return 7 if argv == ["--flag", "--help"] else 1


@pytest.mark.parametrize(
    ("target", "code", "err"),
    [
        ("interrupted", 130, ""),
        ("unusable", 2, "vedette: a.yaml:1:1: empty; fill it\n"),
        ("left", 2, "vedette: a text\n"),
        ("seven", 7, ""),
    ],
)
def test_exit_codes(
    target: str, code: int, err: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with command(monkeypatch, target):
        assert cli.main(["it", "--flag", "--help"]) == code
    assert capsys.readouterr().err == err


def test_missing_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "needs_more.py").write_text("import aiohttp_that_is_not_here.web\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(cli._OURS, "collector", cli.Word("collector", "needs_more:collector"))
    assert cli.main(["collector", "run"]) == 2
    assert capsys.readouterr().err == (
        "vedette: `vedette collector` needs aiohttp_that_is_not_here, which is not installed; "
        "install it with: pip install 'vedette[collector]'\n"
    )


def test_missing_module_of_ours_is_a_bug_and_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = cli.Word("collector", "vedette_nowhere.commands:collector")
    monkeypatch.setitem(cli._OURS, "collector", nowhere)
    with pytest.raises(ModuleNotFoundError, match="vedette_nowhere"):
        cli.main(["collector"])


def test_closed_pipe_is_silent() -> None:
    """The reader is gone before the first byte; the schema is larger than a pipe's buffer would hide."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "vedette", "schema"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "vedette", "schema"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stderr == "vedette: No space left on device; make room\n"


def arrow(argv: list[str]) -> int:
    print("a → b")
    return 0


def test_terminal_without_utf8_gets_an_escape_and_no_traceback() -> None:
    code = (
        "import sys; from vedette import cli; "
        "cli._OURS['it'] = cli.Word('it', 'test_cli:arrow'); "
        "sys.exit(cli.main(['it']))"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, timeout=60, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a \\u2192 b\n", b"")


def test_module_and_script_are_the_same_command() -> None:
    for start in ([sys.executable, "-m", "vedette"], [str(Path(sys.executable).with_name("vedette"))]):
        done = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == f"vedette {vedette.__version__}\n"
