"""Published outages, played in virtual time to the collector's verdicts: what would have been said, and when.

`fleet` and `scenario` read what is played, `world` is the probes of a fleet, `simulate` makes their results
and hands them to the engine, `score` compares what the engine said with what was expected of it.
Only `score` and `expected` read expected verdicts, names and official times of a scenario.
"""
