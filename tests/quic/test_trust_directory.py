"""Hosts whose trust anchors are a directory of files, as Debian's are."""

import os
import subprocess
from pathlib import Path

import pytest

from servers.certificates import Issued, issued
from vedette_agent.engine import quictrust
from vedette_agent.engine.record import ProbeSpoiled

OLD, NEW = (issued(common_name=name, is_ca=True) for name in ("old", "new"))


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "certs"
    made.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(made))
    monkeypatch.setattr(quictrust, "_stores", {})
    return made


def keep(directory: Path, root: Issued) -> None:
    """That one alone, as update-ca-certificates leaves a directory."""
    before = directory.stat().st_mtime_ns
    for file in directory.iterdir():
        file.unlink()
    (directory / "root.pem").write_bytes(root.pem)
    subprocess.run(["openssl", "rehash", str(directory)], check=True, capture_output=True)
    os.utime(directory, ns=(before + 1, before + 1))  # as later as a clock of the file system can tell


def is_trusted(root: Issued) -> bool:
    return quictrust.refusal([issued("a.test", by=root).certificate], "a.test", None)[0] is None


def test_anchors_that_come_and_go(directory: Path) -> None:
    keep(directory, OLD)
    assert (is_trusted(OLD), is_trusted(NEW)) == (True, False)
    keep(directory, NEW)
    assert (is_trusted(OLD), is_trusted(NEW)) == (False, True)


def test_it_is_read_once(directory: Path) -> None:
    keep(directory, OLD)
    assert quictrust.store(None) is quictrust.store(None)


def test_an_empty_one_is_no_trust_store(directory: Path) -> None:
    with pytest.raises(ProbeSpoiled, match="install ca-certificates"):
        quictrust.store(None)
