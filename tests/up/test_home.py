"""A running `vedette up` is found, a dead one is not, and nobody else's directory is trusted."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from vedette.errors import VedetteError
from vedette.up.commands import drill
from vedette.up.home import Pointer, announced, data_directory, pointer_directory, running
from vedette.up.ports import Reservation, reserve_for_page


@pytest.fixture(autouse=True)
def _own_runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def pointer(port: int, data: Path, *, is_temporary: bool = False) -> Pointer:
    return Pointer(port=port, data=str(data), is_temporary=is_temporary, has_world=True)


def test_two_at_once_are_both_found_and_leave_nothing(tmp_path: Path) -> None:
    with announced(pointer(9961, tmp_path)), announced(pointer(9960, tmp_path)):
        assert [one.port for one in running()] == [9960, 9961]
    assert running() == []
    assert not pointer_directory().exists()


def test_drill_asks_which_world_is_meant_when_several_run(tmp_path: Path) -> None:
    with announced(pointer(9961, tmp_path)), announced(pointer(9960, tmp_path)):
        with pytest.raises(VedetteError, match="2 worlds run; say which: --port 9960 or --port 9961"):
            drill(["list"])
        with pytest.raises(VedetteError, match="no demo world runs in"):  # found, and nobody answers there
            drill(["list", "--port", "9961"])


_KILLED = """
import os, signal, sys
from pathlib import Path
from vedette.up import home
with home.data_directory(None) as data:
    (data / "file").write_text("x")
    with home.announced(home.Pointer(port=9960, data=str(data), is_temporary=True, has_world=True)):
        print(data, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_one_left_is_swept(tmp_path: Path) -> None:
    """Its pointer names a living process number, and still counts as stale; its temporary directory goes."""
    done = subprocess.run([sys.executable, "-c", _KILLED], stdout=subprocess.PIPE, check=False)
    left = Path(done.stdout.decode().strip())
    assert left.is_dir()
    assert [file.name for file in pointer_directory().iterdir()] == ["9960.json"]
    assert running() == []
    assert not left.exists()
    assert not pointer_directory().exists()


def test_a_stale_pointer_never_removes_a_directory_that_was_chosen(tmp_path: Path) -> None:
    chosen, foreign = tmp_path / "vedette-up-chosen", tmp_path / "foreign"
    pointer_directory().mkdir(mode=0o700)
    for number, (kept, is_temporary) in enumerate([(chosen, False), (foreign, True)]):
        kept.mkdir()
        (pointer_directory() / f"{number}.json").write_bytes(
            msgspec.json.encode(pointer(number, kept, is_temporary=is_temporary))
        )
    assert running() == []
    assert chosen.is_dir()
    assert foreign.is_dir(), "ours are called otherwise"


def test_a_half_written_pointer_is_no_obstacle(tmp_path: Path) -> None:
    pointer_directory().mkdir(mode=0o700)
    (pointer_directory() / "9960.json").write_bytes(b'{"port": 99')
    assert running() == []
    with announced(pointer(9960, tmp_path)):
        assert [one.port for one in running()] == [9960]


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    pointer_directory().mkdir(mode=0o755)
    with pytest.raises(VedetteError, match="mode 0700"):
        running()


def test_the_temporary_directory_goes_and_the_chosen_one_stays(tmp_path: Path) -> None:
    with data_directory(None) as path:
        assert path.stat().st_mode & 0o777 == 0o700
        (path / "file").write_text("x")
    assert not path.exists()
    with data_directory(tmp_path / "mine") as mine:
        (mine / "file").write_text("x")
    assert (mine / "file").exists()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_directory_that_others_write_in_is_refused(tmp_path: Path, mode: int) -> None:
    """A link that waits there under the name of one of our files would be followed."""
    shared = tmp_path / "shared"
    shared.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (shared / "lock").symlink_to(precious)
    shared.chmod(mode)
    with pytest.raises(VedetteError, match="nobody else may write in it"), data_directory(shared):
        pass
    assert precious.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir(mode=0o700)
    os.chown(foreign, 65534, 65534)
    with pytest.raises(VedetteError, match="must be yours"), data_directory(foreign):
        pass
    assert list(foreign.iterdir()) == []


def test_one_directory_serves_one_at_a_time(tmp_path: Path) -> None:
    with (
        data_directory(tmp_path / "mine"),
        pytest.raises(VedetteError, match="another `vedette up` uses it"),
        data_directory(tmp_path / "mine"),
    ):
        pass


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(VedetteError, match=rf"port {port} on 127.0.0.1 is in use.*--port"):
            reserve_for_page(port)


def test_a_reserved_port_can_be_listened_on_and_is_given_to_nobody_else() -> None:
    with (
        Reservation() as reserved,
        socket.create_server(("127.0.0.1", reserved.port)),
        pytest.raises(VedetteError, match="is in use"),
    ):
        reserve_for_page(reserved.port)
