"""Writes late results to Prometheus with their own times: remote write 1.0.

https://prometheus.io/docs/specs/prw/remote_write_spec/
"""
