"""What people and Prometheus see over HTTP: metrics, API, page and its live updates."""
