"""Where a running `vedette up` keeps its files, and how `vedette drill` finds it.

Each one keeps a pointer file `<port>.json` in a private directory of the user. It holds a lock on that file
(flock(2)) for as long as it lives: the kernel drops the lock even after SIGKILL, so a pointer without a lock
is stale, whatever process has its number now.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from vedette.errors import VedetteError

_PREFIX = "vedette-up-"
_LOCK_ATTEMPTS = 50
_LOCK_PAUSE_SECONDS = 0.02


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    port: int
    data: str
    is_temporary: bool  # the data directory is removed at the end
    has_world: bool


def pointer_directory() -> Path:
    """The private directory of this user; it may not exist. Raises VedetteError when it is not ours alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    uid = os.geteuid()
    if runtime and os.path.isdir(runtime) and os.stat(runtime).st_uid == uid:
        directory = Path(runtime) / "vedette"
    else:
        directory = Path(tempfile.gettempdir()) / f"vedette-{uid}"
    try:
        seen = directory.lstat()
    except FileNotFoundError:
        return directory
    # In /tmp anybody may have made it first.
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != uid or seen.st_mode & 0o077:
        raise VedetteError(
            f"{directory} must be a directory of yours with mode 0700; remove it or correct it"
        )
    return directory


@contextlib.contextmanager
def data_directory(chosen: Path | None) -> Iterator[Path]:
    """A private temporary directory, removed at the end; or *chosen*, kept, and locked against another."""
    if chosen is None:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
        return
    try:
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_shared(chosen)
        lock = (chosen / "lock").open("w")
    except OSError as exc:
        raise VedetteError(f"--data {chosen}: {exc.strerror}") from exc
    with lock:
        if not _try_lock(lock):
            raise VedetteError(
                f"--data {chosen}: another `vedette up` uses it; stop it or choose another directory"
            )
        yield chosen.resolve()


def _refuse_shared(directory: Path) -> None:
    """Raises VedetteError where others may put a link, which we would follow, or take our files away."""
    seen = directory.stat()
    of_others = seen.st_mode & 0o002 or (seen.st_mode & 0o020 and seen.st_gid != os.getegid())
    if seen.st_uid != os.geteuid() or of_others:
        raise VedetteError(
            f"--data {directory}: must be yours, and nobody else may write in it; choose another directory"
        )


@contextlib.contextmanager
def announced(pointer: Pointer) -> Iterator[None]:
    """Keep the pointer file of this process while the context lasts."""
    file, path = _locked(f"{pointer.port}.json")
    with file:
        file.truncate(0)
        file.write(msgspec.json.encode(pointer))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            _remove_if_empty(path.parent)


def _locked(name: str) -> tuple[IO[bytes], Path]:
    """The pointer file *name*, open and locked.

    Somebody who only looks may hold the lock for a moment, or remove a stale file, or the empty directory.
    """
    for _ in range(_LOCK_ATTEMPTS):
        path = pointer_directory() / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            file = open(path, "a+b", opener=_private)  # noqa: SIM115  # the caller closes it
            if _try_lock(file) and _is_still(file, path):
                return file, path
            file.close()
        time.sleep(_LOCK_PAUSE_SECONDS)
    raise VedetteError(f"another `vedette up` announces itself in {path}")


def _is_still(file: IO[bytes], path: Path) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def running() -> list[Pointer]:
    """Every `vedette up` of this user that lives, by port. What dead ones left behind is removed."""
    found: list[Pointer] = []
    for path in sorted(pointer_directory().glob("*.json")):
        with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
            pointer = _decoded(file.read(65536))
            if not _try_lock(file):
                if pointer is not None:
                    found.append(pointer)
                continue
            path.unlink(missing_ok=True)
            if pointer is not None:
                _sweep(pointer)
    _remove_if_empty(pointer_directory())
    return sorted(found, key=lambda pointer: pointer.port)


def _remove_if_empty(directory: Path) -> None:
    with contextlib.suppress(OSError):
        directory.rmdir()


def _decoded(text: bytes) -> Pointer | None:
    try:
        return msgspec.json.decode(text, type=Pointer)
    except msgspec.DecodeError:
        return None  # its writer died while it wrote


def _sweep(pointer: Pointer) -> None:
    """Remove the temporary directory of a process that was killed before it could do so."""
    path = Path(pointer.data)
    if pointer.is_temporary and path.name.startswith(_PREFIX):
        with contextlib.suppress(OSError):
            if path.lstat().st_uid == os.geteuid() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def _try_lock(file: IO[bytes] | IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
