"""Renders everything the collector knows in the Prometheus text format, version 0.0.4."""
