"""A score as JSON says it: numbers are rounded, times are seconds."""

from typing import Any

from vedette_collector.replay.scenario import Scenario
from vedette_collector.replay.score import Scored


def told(scored: Scored, scenario: Scenario, seed: int) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "seed": seed,
        "right_headline": scored.right,
        "right_beside": scored.beside,
        "headline": scored.headline,
        "time_to_first_right_s": _rounded(scored.first_right),
        "surplus_components": len(scored.surplus),
        "wrong_pages": len(scored.wrong_pages),
        "wrong_pages_beside": len(scored.beside_pages),
        "pages": scored.pages,
        "incidents": scored.incidents,
        "premature_closes": scored.premature,
        "wrong_headline_share": round(scored.wrong_share, 4),
        "is_partial": scored.is_partial,
        "sample_bound_s": _rounded(scored.bound),
        "first_visible_s": _rounded(scored.zero),
        "expected": [
            {
                "at_s": round(one.at, 1),
                "kind": one.expected.kind,
                "entity": list(one.expected.entities),
                "right": one.is_right,
            }
            for one in scored.counts
        ],
        "not_judged": [
            {"at_s": round(one.at, 1), "kind": one.kind, "entity": list(one.entities)}
            for one in scored.left_out
        ],
        "surplus": scored.surplus,
        "wrong_page_headlines": scored.wrong_pages,
        "not_visible": scored.invisible,
        "quorum": {
            "time_to_first_alarm_s": _rounded(scored.quorum_after),
            "right_targets": scored.quorum_right,
            "pages": scored.quorum_pages,
        },
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
