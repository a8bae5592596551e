"""Samples as tests ask for them: by name and labels, from Prometheus or straight from an exposition."""

from prometheus_client.parser import text_string_to_metric_families

from servers.prometheus import Prometheus, Sample, get


class Series:
    """The samples of one moment."""

    def __init__(self, samples: dict[str, list[Sample]]) -> None:
        self._samples = samples

    def all(self, name: str, **labels: str) -> list[Sample]:
        """Every sample of *name* that has these *labels*."""
        return [one for one in self._samples.get(name, ()) if labels.items() <= one.labels.items()]

    def one(self, name: str, **labels: str) -> float:
        """The value of the only sample. AssertionError when there is none, or more."""
        found = self.all(name, **labels)
        assert len(found) == 1, f"{name} {labels}: {len(found)} series: {found[:5]}"
        return found[0].value

    def total(self, name: str, **labels: str) -> float:
        return sum(one.value for one in self.all(name, **labels))

    def by(self, name: str, *keys: str, **labels: str) -> dict[tuple[str, ...], float]:
        """Values by the labels *keys*."""
        return {tuple(one.labels[key] for key in keys): one.value for one in self.all(name, **labels)}


def exposed(port: int) -> Series:
    """What /metrics on loopback says now; nothing while nobody answers."""
    status, page = get(port, "/metrics")
    assert status in (0, 200), (status, page)
    samples: dict[str, list[Sample]] = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(Sample(dict(sample.labels), float(sample.value)))
    return Series(samples)


def stored(prometheus: Prometheus, *names: str) -> Series:
    """What Prometheus holds now of the metrics whose names match: one query, so all of one moment."""
    samples: dict[str, list[Sample]] = {}
    for sample in prometheus.query(f'{{__name__=~"{"|".join(names)}"}}'):
        samples.setdefault(sample.labels["__name__"], []).append(sample)
    return Series(samples)
