"""Prometheus, Alertmanager and a webhook on the shipped files, looking at one collector."""

from contextlib import ExitStack
from pathlib import Path

from servers.prometheus import (
    Prometheus,
    alertmanager,
    prometheus,
    shipped_alertmanager,
    shipped_prometheus,
)
from servers.webhook import Webhook, webhook


class Watch:
    def __init__(self, directory: Path, collector_port: int) -> None:
        self._directory = directory
        self._collector_port = collector_port
        self._stack = ExitStack()
        self.prometheus: Prometheus
        self.webhook: Webhook

    def start(self) -> None:
        enter = self._stack.enter_context
        self.webhook = enter(webhook())
        port = enter(alertmanager(self._directory / "alertmanager", shipped_alertmanager(self.webhook.port)))
        self.prometheus = enter(
            prometheus(self._directory / "prometheus", shipped_prometheus([self._collector_port], port))
        )

    def stop(self) -> None:
        self._stack.close()
