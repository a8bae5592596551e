"""How much better a component explains failures than chance does. In nats: natural logarithms throughout."""

from math import inf, lgamma, log
from typing import NamedTuple


class Settings(NamedTuple):
    """The thresholds of localization. docs/verdicts.md says where each comes from."""

    threshold: float = 16.0  # nats beyond the cost: e^-16 a decision is once in a decade at two a minute
    repeated_noise: float = 0.002  # at least this share of probes fails twice in a row without a cause,
    single_noise: float = 0.01  # and this share once
    effect: float = 0.03  # a component fails by at least so much more than what is around it,
    common_effect: float = 0.15  # and by so much more than before when all fails alike
    contrast: float = 0.25  # what is left out of a component fails at most by this share of what is in it
    narrower: float = 6.0  # nats by which a narrower component must explain more than the one it is part of
    memory: float = 10.0  # intervals that are looked at for partial faults
    tie: float = 3.0  # nats: closer candidates cannot be told apart


DEFAULTS = Settings()


def kl(x: float, y: float) -> float:
    """Kullback-Leibler divergence of two coins. Infinite where *y* makes impossible what *x* shows."""
    found = 0.0
    if x > 0.0:
        if y <= 0.0:
            return inf
        found += x * log(x / y)
    if x < 1.0:
        if y >= 1.0:
            return inf
        found += (1.0 - x) * log((1.0 - x) / (1.0 - y))
    return found


def gain(failed: float, total: float, all_failed: float, all_total: float) -> float:
    """LLR of one rate inside and another outside over one rate for all (Bernoulli scan statistic,
    Kulldorff 1997). 0 when it fails less inside than outside."""
    rest = all_total - total
    if total <= 0.0 or all_total <= 0.0:
        return 0.0
    inside, overall = failed / total, min(all_failed / all_total, 1.0)
    if rest <= 0.0:
        return 0.0
    outside = max(all_failed - failed, 0.0) / rest
    if inside <= outside:
        return 0.0
    return total * kl(min(inside, 1.0), overall) + rest * kl(min(outside, 1.0), overall)


def surprise(failed: float, total: float, noise: float) -> float:
    """By how many nats *failed* of *total* is more than *noise* makes likely."""
    if total <= 0.0:
        return 0.0
    rate = min(failed / total, 1.0)
    return total * kl(rate, noise) if rate > noise else 0.0


def choices(of: int, chosen: int) -> float:
    """ln of the number of ways to choose *chosen* of *of*."""
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)
