"""The words `agent` and `probe` of the `vedette` command. What they need is imported when they are used."""

import os
import sys


def agent(argv: list[str]) -> int:
    """`vedette agent run …`"""
    from vedette_agent.app import main

    return main(argv)


def probe(argv: list[str]) -> int:
    """`vedette probe KIND TARGET …`: 0 the target is well, 1 it is not, or could not be probed."""
    from vedette_agent.oneshot import running, words

    asked = words.asked(argv)
    has_color = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    is_well = True
    for check in asked.checks:
        ran = running.run(check)
        is_well = is_well and ran.result.outcome == "ok"
        if asked.is_json:
            from vedette_agent.oneshot.showing import as_json

            print(as_json(ran, is_traced=asked.is_traced), flush=True)
            continue
        from vedette_agent.shown import shown

        print(shown(check, ran.result, has_color=has_color), flush=True)
        if asked.is_traced:
            from vedette_agent.oneshot.showing import trace

            print(trace(ran), flush=True)
    return 0 if is_well else 1
