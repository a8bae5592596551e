"""Scores for people: one line a run, then the sums."""

from collections.abc import Iterable
from typing import Any


def line(score: dict[str, Any], width: int) -> str:
    quorum = score["quorum"]
    bound = score["sample_bound_s"] if score["is_partial"] else None
    cells = [
        f"{score['id']:{width}}",
        f"{score['seed']:>4}",
        f"{'yes' if score['right_headline'] else 'NO':>5}",
        f"{_seconds(score['time_to_first_right_s']):>7}",
        f"{_seconds(bound):>7}",
        f"{score['surplus_components']:>7}",
        f"{score['wrong_pages']:>5}",
        f"{score['pages']:>5}",
        f"{score['incidents']:>5}",
        f"{score['premature_closes']:>6}",
        f"{score['wrong_headline_share'] * 100:>5.1f} %",
        "|",
        f"{_seconds(quorum['time_to_first_alarm_s']):>7}",
        f"{'yes' if quorum['right_targets'] else 'no':>5}",
        f"{quorum['pages']:>5}",
    ]
    return " ".join(cells)


def head(width: int) -> str:
    first = (
        f"{'':{width}}      {'':5} {'first':>7} {'sample':>7} {'surplus':>7} {'wrong':>5} {'':5} "
        f"{'inci-':>5} {'early':>6} {'wrong':>7} | majority quorum:"
    )
    second = (
        f"{'scenario':{width}} seed {'right':>5} {'right':>7} {'bound':>7} {'parts':>7} {'pages':>5} "
        f"{'pages':>5} {'dents':>5} {'closes':>6} {'time':>7} | {'alarm':>7} {'right':>5} {'pages':>5}"
    )
    return f"{first}\n{second}"


def details(score: dict[str, Any]) -> list[str]:
    found = [f"    {score['headline'] or 'no incident'}"]
    for one in score["expected"]:
        if not one["right"]:
            found.append(f"    not right at {one['at_s']:.0f} s: {one['kind']} {' & '.join(one['entity'])}")
    if not score["expected"]:
        found.append("    no expected verdict has to do with what this fleet sees")
    for one in score["not_judged"]:
        found.append(
            f"    not judged, for nothing visible hits it: {one['kind']} {' & '.join(one['entity'])}"
        )
    found += [f"    surplus: {each}" for each in score["surplus"]]
    found += [f"    wrong page: {each}" for each in score["wrong_page_headlines"]]
    if score["right_beside"]:
        found.append("    what is expected stands beside it")
    if score["wrong_pages_beside"]:
        found.append(f"    the right one stood beside {score['wrong_pages_beside']} of these pages")
    if score["not_visible"]:
        found.append(f"    not visible to this fleet: {', '.join(score['not_visible'])}")
    return found


def summary(scores: list[dict[str, Any]]) -> list[str]:
    if not scores:
        return []
    right = sum(score["right_headline"] for score in scores)
    firsts = sorted(
        score["time_to_first_right_s"] for score in scores if score["time_to_first_right_s"] is not None
    )
    middle = (
        f"; first right after {_seconds(firsts[len(firsts) // 2])} (median), {_seconds(firsts[-1])} at most"
        if firsts
        else ""
    )
    quorum_silent = sum(score["quorum"]["time_to_first_alarm_s"] is None for score in scores)
    return [
        f"right headline: {right} of {len(scores)} ({right / len(scores):.1%})"
        f"{_beside(_sum(scores, 'right_beside'))}{middle}",
        f"{_sum(scores, 'pages')} pages, {_sum(scores, 'wrong_pages')} of them wrong"
        f"{_beside(_sum(scores, 'wrong_pages_beside'))}; "
        f"{_sum(scores, 'incidents')} incidents; {_sum(scores, 'surplus_components')} surplus components; "
        f"{_sum(scores, 'premature_closes')} premature closes",
        f"majority quorum per target: {sum(score['quorum']['pages'] for score in scores)} pages, silent in "
        f"{quorum_silent} of {len(scores)}, the right targets in "
        f"{sum(score['quorum']['right_targets'] for score in scores)}",
    ]


def _beside(count: int) -> str:
    return f" ({count} with the right one beside it)" if count else ""


def _sum(scores: Iterable[dict[str, Any]], key: str) -> int:
    return sum(score[key] for score in scores)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s" if value < 6000 else f"{value / 60:.0f} min"
