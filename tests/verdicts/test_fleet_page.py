"""docs/fleet.md has every standard tag, and its example comes out as it says."""

import re
from pathlib import Path

import pytest

from vedette.cli import main
from vedette_collector.verdicts.traits import AGENT_TAGS, CHECK_TAGS, REGION_TAG, RESOLVER_TAG

PAGE = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("side", ["agent", "check"])
def test_the_table_has_exactly_the_standard_tags(side: str) -> None:
    table = PAGE.split(f"| tag of {'an agent' if side == 'agent' else 'a check'} |")[1].split("\n\n")[0]
    written = {
        tuple(re.findall(r"`(\w+)`", row.split("|")[1]))
        for row in table.splitlines()
        if row.startswith("| `")
    }
    tags = set((AGENT_TAGS if side == "agent" else CHECK_TAGS).values())
    assert written == tags | {(RESOLVER_TAG,) if side == "agent" else (REGION_TAG,)}


def test_the_example_comes_out_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (config,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (shown,) = re.findall(r"```console\n\$ vedette (.*?)\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("vedette.yaml").write_text(config)
    assert main(shown[0].split()) == 0
    assert capsys.readouterr().out == shown[1]
