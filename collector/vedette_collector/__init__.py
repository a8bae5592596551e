"""The collector: ingests results and exposes them as Prometheus metrics, an API and a page."""
