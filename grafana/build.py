"""Writes the boards as JSON: `python grafana/build.py [DIRECTORY]`. A test holds the committed ones to it."""

import json
import sys
from pathlib import Path

from boards.overview import UID, overview


def main(directory: Path) -> None:
    for uid, board in ((UID, overview()),):
        text = json.dumps(board, indent=2, ensure_ascii=False)
        (directory / f"{uid}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "dashboards")
