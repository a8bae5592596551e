"""The first board to look at: what fails, seen from where, why, how slow, and whether we see at all."""

from boards import queries as q
from boards.panels import (
    AMBER,
    GREEN,
    GREY,
    RED,
    Json,
    Placed,
    Query,
    Steps,
    board,
    column,
    graph,
    history,
    mapping,
    marks,
    organize,
    stat,
    steps,
    table,
    variable,
)

UID = "vedette-overview"
STATES = {"0": ("fails", RED), "1": ("ok", GREEN), "2": ("no data", GREY)}
INCIDENT_STATES = {"1": ("alerting", RED), "0": ("quiet", GREY)}
TEXT = {"type": "color-text"}
DAYS: Steps = ((None, RED), (7, AMBER), (14, GREEN))


def _now(expr: str) -> Query:
    return Query(expr, instant=True, table=True)


def _numbers() -> list[Placed]:
    def number(
        at: int, title: str, description: str, expr: str, unit: str, empty: str, colors: Steps
    ) -> Placed:
        panel = stat(at, title, description, Query(expr, instant=True), unit, empty, colors)
        return Placed(4, panel | {"height": 4})

    return [
        number(
            1,
            "Checks failing",
            "Checks that fail from most of the vantages that report them.",
            q.CHECKS_FAILING,
            "none",
            "no data",
            ((None, GREEN), (1, RED)),
        ),
        number(
            2,
            "Not observed",
            "Pairs of check and vantage that are assigned and have no fresh result.",
            q.NOT_OBSERVED,
            "none",
            "no data",
            ((None, GREEN), (1, AMBER)),
        ),
        number(
            3,
            "Agents connected",
            "Share of the configured agents that are there.",
            q.AGENTS_CONNECTED,
            "percentunit",
            "no agents",
            ((None, RED), (0.5, AMBER), (1, GREEN)),
        ),
        number(
            4,
            "Reachability",
            "Share of all probes in the time range that succeeded.",
            q.REACHABILITY,
            "percentunit",
            "no probes",
            ((None, RED), (0.99, AMBER), (0.999, GREEN)),
        ),
        number(
            5,
            "First certificate to expire",
            "Days until the first of all certificates expires; negative once it has.",
            q.FIRST_EXPIRY,
            "d",
            "no certificates",
            DAYS,
        ),
        number(
            6,
            "Broker links",
            "Share of the collector's connections to the broker that stand.",
            q.BROKER_LINKS,
            "percentunit",
            "no collector",
            ((None, RED), (1, GREEN)),
        ),
    ]


def _alerts() -> Json:
    names = ("alertname", "severity", "check", "target", "agent")
    severities = mapping({"page": ("page", RED), "ticket": ("ticket", AMBER)})
    return table(
        7,
        "Firing alerts",
        "Alerts of Vedette's rules that fire now. The heartbeat, which always fires, is left out.",
        [_now(q.FIRING_TABLE)],
        "No alert is firing",
        [organize({name: name for name in names} | {"alertname": "alert"}, ["Time", "Value"])],
        [column("severity", mappings=severities, custom__cellOptions=TEXT)],
    )


def _incidents() -> Json:
    names = ("component", "kind", "severity", "incident")
    severities = mapping({"page": ("page", RED), "ticket": ("ticket", AMBER)})
    return table(
        24,
        "Incidents",
        "What broke, by the collector's verdict. `quiet`: nothing of it fails, and it is held open.",
        [_now(q.INCIDENTS)],
        "No incident",
        [organize({name: name for name in names} | {"Value": "state"}, ["Time"])],
        [
            column("severity", mappings=severities, custom__cellOptions=TEXT),
            column("state", mappings=mapping(INCIDENT_STATES), custom__cellOptions=TEXT),
        ],
    ) | {"height": 6}


def _incident_history() -> Json:
    return history(
        25,
        "Incidents, over time",
        "One row an incident and headline, for as long as it is alerting or held open.",
        Query(q.INCIDENTS, "{{component}} {{severity}}"),
        INCIDENT_STATES,
        "No incident",
    )


def _matrix() -> Json:
    matrix = {"rowField": "check", "columnField": "agent", "valueField": "Value"}
    return table(
        8,
        "Checks by vantage, now",
        "One row a check, one column an agent. `no data`: assigned, and nothing fresh to show.",
        [_now(q.STATE)],
        "No check is assigned",
        [{"id": "groupingToMatrix", "options": matrix}],
        [],
        {"mappings": mapping(STATES), "custom": {"align": "center", "cellOptions": TEXT}},
    )


def _reasons_now() -> Json:
    names = ("check", "agent", "reason", "target")
    return table(
        9,
        "Why it fails, now",
        "Failure code of the newest result, for every check and vantage that fails.",
        [_now(q.REASONS_NOW)],
        "Nothing fails",
        [organize({name: name for name in names}, ["Time", "Value"])],
        [],
    )


def _timeline() -> Json:
    return history(
        10,
        "Checks by vantage, over time",
        "One row a check and vantage. A hole means that Prometheus had no scrape at all.",
        Query(q.STATE, "{{check}} from {{agent}}"),
        STATES,
        "No check is assigned",
    )


def _success() -> Json:
    return graph(
        11,
        "Success by check",
        "Share of the probes that succeeded, over all chosen vantages.",
        [Query(q.SUCCESS, "{{check}}")],
        "percentunit",
        "No probe ran",
        most=1,
    )


def _failures() -> Json:
    return graph(
        12,
        "Failures by reason",
        "Failed probes by failure code: the layer, then the cause.",
        [Query(q.FAILURES, "{{reason}}")],
        "none",
        "Nothing failed",
        bars=True,
    )


def _latency(at: int, title: str, description: str, share: float) -> Json:
    return graph(at, title, description, [Query(q.quantile(share), "{{check}}")], "s", "No probe succeeded")


def _phases() -> Json:
    return graph(
        15,
        "Phases",
        "Where the time goes, by kind of check: the average of the newest results.",
        [Query(expr, f"{kind} {{{{phase}}}}") for kind, expr in q.PHASES.items()],
        "s",
        "No probe ran",
        bars=True,
    )


def _certificates() -> Json:
    return table(
        16,
        "Certificates",
        "Days until the first presented certificate expires, by the vantage that sees the least.",
        [_now(q.CERTIFICATES)],
        "No check sees a certificate",
        [organize({"check": "check", "target": "target", "Value": "days left"}, ["Time"])],
        [column("days left", unit="d", decimals=1, thresholds=steps(*DAYS), custom__cellOptions=TEXT)],
    )


def _agents() -> Json:
    connected = mapping({"0": ("silent", RED), "1": ("connected", GREEN)})
    # Grafana names the value columns of several queries after their letters.
    renamed = {f"Value #{chr(ord('A') + i)}": name for i, name in enumerate(q.AGENT_COLUMNS)}
    times = [f"Time{suffix}" for suffix in ("", " 1", " 2", " 3", " 4", " 5")]
    return table(
        17,
        "Agents",
        "Whether each configured agent is there, when it was last heard, and how it is.",
        [_now(expr) for expr in q.AGENT_COLUMNS.values()],
        "No agent is configured",
        [
            {"id": "joinByField", "options": {"byField": "agent", "mode": "outer"}},
            organize({"agent": "agent"} | renamed, times),
        ],
        [
            column("connected", mappings=connected, custom__cellOptions=TEXT),
            column("last seen", unit="s"),
            column("clock offset", unit="s", decimals=3),
            column("loop lag", unit="s"),
        ],
    )


def _not_run() -> Json:
    return graph(
        18,
        "Not run",
        "Probes that our own side spoiled, by agent and reason. They count against no target.",
        [Query(q.NOT_RUN, "{{agent}} {{reason}}")],
        "none",
        "Every probe ran",
        bars=True,
    )


def _rejected() -> Json:
    return graph(
        19,
        "Rejected results",
        "What the collector did not apply, by reason.",
        [Query(q.REJECTED, "{{reason}}")],
        "none",
        "No collector",
        bars=True,
    )


def _lost() -> Json:
    return graph(
        20,
        "Lost results",
        "Results that were produced and will never be applied, by agent and reason.",
        [Query(q.LOST, "{{agent}} {{reason}}")],
        "none",
        "Nothing was lost",
        bars=True,
    )


def _pending() -> Json:
    return graph(
        21,
        "Pending results",
        "Produced, and neither applied nor lost: on their way, or kept by the agent.",
        [Query(q.PENDING, "{{agent}}")],
        "none",
        "No agent",
    )


def _unaccounted() -> Json:
    return graph(
        22,
        "Unaccounted for",
        "What the books lack, and what agents and collector disagree about. It is 0.",
        [Query(q.UNACCOUNTED, "{{agent}}")],
        "none",
        "No agent",
    )


def _live_age() -> Json:
    return graph(
        23,
        "Age of fresh results, 99th percentile",
        "How old fresh batches are when the collector gets them.",
        [Query(q.LIVE_AGE, "{{agent}}")],
        "s",
        "Nothing fresh",
    )


def overview() -> Json:
    median = _latency(13, "Latency, median", "Half of the successful probes took less.", 0.5)
    p95 = _latency(14, "Latency, 95th percentile", "One successful probe in twenty took longer.", 0.95)
    return board(
        UID,
        "Vedette overview",
        "What fails, seen from where, and why.",
        [
            variable("check", "Check", "label_values(vedette_check_assigned, check)"),
            variable("agent", "Agent", "label_values(vedette_check_assigned, agent)"),
        ],
        [
            marks("Incidents", f"{q.INCIDENTS} == 1", "{{component}}", "{{kind}} {{incident}}", RED),
            marks("Alerts", q.FIRING, "{{alertname}}", "{{check}} {{agent}}", AMBER),
        ],
        [
            [Placed(10, _incidents()), Placed(14, _incident_history())],
            _numbers(),
            [Placed(10, _alerts()), Placed(14, _matrix())],
            [Placed(24, _timeline() | {"height": 10})],
            [Placed(12, _reasons_now()), Placed(12, _failures())],
            [Placed(8, _success()), Placed(8, median), Placed(8, p95)],
            [Placed(12, _phases()), Placed(12, _certificates())],
            [Placed(12, _agents()), Placed(6, _not_run()), Placed(6, _rejected())],
            [Placed(6, _lost()), Placed(6, _pending()), Placed(6, _unaccounted()), Placed(6, _live_age())],
        ],
    )
