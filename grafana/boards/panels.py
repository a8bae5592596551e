"""The parts that boards are made of: plain dictionaries in the shape that Grafana's JSON has.

Every panel asks the board's one data source variable, has an explicit id that links can rely on, and says
something when there is nothing to show.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]

SCHEMA_VERSION = 39  # Grafana 10; newer versions migrate it when they load it
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}

GREEN, AMBER, RED, GREY = "green", "orange", "red", "#808080"
Steps = Sequence[tuple[float | None, str]]  # from this value on, this colour; None: from the beginning


class Query(NamedTuple):
    expr: str
    legend: str = ""
    instant: bool = False
    table: bool = False


class Placed(NamedTuple):
    """A panel and how many of the 24 columns it takes."""

    width: int
    panel: Json


def steps(*pairs: tuple[float | None, str]) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in pairs]}


def mapping(texts: dict[str, tuple[str, str]]) -> list[Json]:
    """Values to words and colours: never a colour alone."""
    options = {
        value: {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def _targets(queries: Sequence[Query]) -> list[Json]:
    found = []
    for index, query in enumerate(queries):
        found.append(
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "editorMode": "code",
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": query.instant,
                "range": not query.instant,
                "format": "table" if query.table else "time_series",
            }
        )
    return found


def _panel(
    kind: str,
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    defaults: Json,
    options: Json,
    **more: Any,
) -> Json:
    return {
        "id": number,
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": _targets(queries),
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
        "options": options,
        **more,
    }


def stat(
    number: int, title: str, description: str, query: Query, unit: str, empty: str, thresholds: Steps
) -> Json:
    """One number, coloured by its thresholds."""
    defaults = {
        "unit": unit,
        "noValue": empty,
        "color": {"mode": "thresholds"},
        "thresholds": steps(*thresholds),
    }
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return _panel("stat", number, title, description, [query], defaults, options)


def graph(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    empty: str,
    *,
    bars: bool = False,
    most: float | None = None,
) -> Json:
    """Lines over time; stacked bars where the sum of the parts means something."""
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 70 if bars else 10,
        "lineWidth": 1,
        "showPoints": "never",
        # A check may run less often than the graph has points: a gap of some minutes is no gap.
        "spanNulls": 600_000,
        "stacking": {"mode": "normal" if bars else "none", "group": "A"},
        "axisPlacement": "auto",
    }
    defaults: Json = {
        "unit": unit,
        "noValue": empty,
        "min": 0,
        "color": {"mode": "palette-classic"},
        "custom": custom,
    }
    if most is not None:
        defaults["max"] = most
    options = {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", number, title, description, queries, defaults, options, interval="30s")


def history(
    number: int, title: str, description: str, query: Query, texts: dict[str, tuple[str, str]], empty: str
) -> Json:
    """One row a series, one cell a moment. Unlike a state timeline it does not stretch the last state."""
    defaults = {
        "unit": "none",
        "noValue": empty,
        "color": {"mode": "thresholds"},
        "thresholds": steps((None, GREY)),
        "mappings": mapping(texts),
        "custom": {"fillOpacity": 85, "lineWidth": 0},
    }
    options = {
        "showValue": "never",
        "rowHeight": 0.85,
        "colWidth": 0.95,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    more = {"interval": "1m", "maxDataPoints": 120}
    return _panel("status-history", number, title, description, [query], defaults, options, **more)


def table(
    number: int,
    title: str,
    description: str,
    queries: Sequence[Query],
    empty: str,
    transformations: list[Json],
    overrides: list[Json],
    defaults: Json | None = None,
) -> Json:
    """Rows of labels and values, one instant."""
    base: Json = {
        "unit": "none",
        "noValue": empty,
        "color": {"mode": "thresholds"},
        "thresholds": steps((None, "text")),
        "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True},
        **(defaults or {}),
    }
    options = {"showHeader": True, "cellHeight": "sm"}
    return _panel(
        "table", number, title, description, queries, base, options,
        transformations=transformations, overrides=overrides,
    )  # fmt: skip


def column(name: str, **properties: Any) -> Json:
    """An override for one column; `cellOptions` is written `custom.cellOptions`."""
    found = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": found}


def organize(renamed: dict[str, str], hidden: Sequence[str] = ()) -> Json:
    """Rename columns, in this order, and leave out the rest that is named."""
    options = {
        "renameByName": renamed,
        "indexByName": {name: index for index, name in enumerate(renamed)},
        "excludeByName": dict.fromkeys(hidden, True),
    }
    return {"id": "organize", "options": options}


def variable(name: str, label: str, query: str) -> Json:
    """Many values of one label, all of them at first; asked again whenever the time range changes."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "regex": "",
        "options": [],
        "skipUrlSync": False,
    }


def marks(name: str, expr: str, title: str, text: str, color: str) -> Json:
    """Lines across all graphs from where *expr* has a series; *title* and *text* name its labels."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "severity",
        "step": "60s",
    }


def board(
    uid: str,
    title: str,
    description: str,
    variables: list[Json],
    annotations: list[Json],
    rows: Sequence[Sequence[Placed]],
) -> Json:
    """A whole dashboard; a row is as high as its highest `height`."""
    panels = []
    y = 0
    for row in rows:
        x = 0
        height = max(placed.panel.get("height", 8) for placed in row)
        for placed in row:
            panel = {key: value for key, value in placed.panel.items() if key != "height"}
            panels.append({**panel, "gridPos": {"x": x, "y": y, "w": placed.width, "h": height}})
            x += placed.width
        y += height
    source: Json = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["vedette"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "fiscalYearStartMonth": 0,
        "links": [],
        "annotations": {"list": annotations},
        "templating": {"list": [source, *variables]},
        "panels": panels,
    }
