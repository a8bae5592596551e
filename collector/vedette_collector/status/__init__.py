"""`vedette status` and `vedette incidents`: what a collector tells. The standard library is enough."""
