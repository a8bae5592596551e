"""Checks: what is probed, from where, how often, and what is expected."""
