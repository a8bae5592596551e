"""Validation of the DNSSEC chain of trust. RFC 4033 to 4035, 5155, 6840, 9276.

A validator is a generator: it gives questions and takes answers, and returns a verdict. It knows neither
sockets nor clocks. Importing its modules imports cryptography: the prober does that when a check needs it.
"""
