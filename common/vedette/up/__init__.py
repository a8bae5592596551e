"""The whole pipeline on one machine: a broker, the collector, agents, and a small world for them to probe."""
