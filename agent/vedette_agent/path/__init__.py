"""Paths: which packet leaves next, what the hops turned out to be, and whether the route is another one."""
