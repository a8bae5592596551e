"""What an incident says, as one text."""

from vedette_collector.verdicts.words import Report


def told(said: Report) -> str:
    lines: list[tuple[str, str]] = [
        ("since", said.since),
        ("state", said.state),
        ("", said.certainty),
        ("", said.evidence),
        ("failures", said.failures),
        ("seen from", said.seen_from),
        ("not from", said.not_seen_from),
        *(("confirmed", each) for each in said.confirmed),
        *(("or", each) for each in said.alternatives),
        *(("works", each) for each in said.exonerated),
        *(("with it", each) for each in said.dependents),
        *(("earlier", each) for each in said.earlier),
        *(("first", each.text) for each in said.firsts),
        *(("note", each) for each in said.notes),
    ]
    return "\n".join(
        [said.headline, *(f"  {f'{name}: ' if name else ''}{text}" for name, text in lines if text)]
    )
