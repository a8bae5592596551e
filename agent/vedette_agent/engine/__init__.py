"""The measuring engine: one tick, one deadline per probe, sockets that the kernel stamps.

A prober is a plain coroutine that is driven by socket callbacks; there is no Task, Future or timer per probe.
"""
