"""The collector's own process: memory, CPU, descriptors, garbage collection. From prometheus_client."""

from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest

# A registry of our own: the default one is shared by whatever is imported into the process.
_registry: Final = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=_registry)
PlatformCollector(registry=_registry)
GCCollector(registry=_registry)


def own_metrics() -> str:
    return generate_latest(_registry).decode()
