"""What `vedette collector run` says of a remote write that cannot work."""

import subprocess
import sys
from pathlib import Path

from collector.running_helpers import CONFIG


def test_a_receiver_that_cannot_be_used_is_one_line_and_exit_2(tmp_path: Path) -> None:
    config = tmp_path / "vedette.yaml"
    config.write_text(CONFIG)
    ended = subprocess.run(
        [sys.executable, "-m", "vedette", "collector", "run", "--config", str(config), "--no-store",
         "--broker", "mqtt://127.0.0.1:1", "--remote-write-url", "http://u:secret@localhost/"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "--remote-write-url: no user name or password in it" in ended.stderr
    assert "secret" not in ended.stderr
