"""The words `agent` and `probe` of the `vedette` command. What they need is imported when they are used."""

import os
import sys


def agent(argv: list[str]) -> int:
    """`vedette agent run …`"""
    from vedette_agent.app import main

    return main(argv)


def probe(argv: list[str]) -> int:
    """`vedette probe KIND TARGET …`: 0 the target is well, 1 it is not, or could not be probed."""
    from vedette_agent import oneshot

    asked = oneshot.asked(argv)
    result = oneshot.run(asked.check)
    if asked.is_json:
        print(oneshot.as_json(asked.check, result))
    else:
        from vedette_agent.shown import shown

        has_color = (
            sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        print(shown(asked.check, result, has_color=has_color))
    return 0 if result.outcome == "ok" else 1
