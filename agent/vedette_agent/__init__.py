"""The agent: schedules probes, measures them, publishes what came of them."""
