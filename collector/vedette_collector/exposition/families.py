"""Every metric family that the collector writes itself, in the order of the page.

Names that start with `probe_` are those of blackbox_exporter and mean the same.
"""

from typing import Final

from vedette_collector.exposition import delivery, incidents, store, ways
from vedette_collector.exposition.kinds import (
    authority,
    dns,
    dnssec,
    grpc,
    http,
    icmp,
    ntp,
    path,
    stream,
    tls,
    trace,
    udp,
    websocket,
)
from vedette_collector.exposition.text import PAIR, Family

CELL_FAMILIES: Final = (
    Family("probe_success", "gauge", "Whether the probe succeeded.", PAIR),
    Family("probe_duration_seconds", "gauge", "How long the probe took.", PAIR),
    Family(
        "probe_ip_protocol",
        "gauge",
        "IP version of the address that was probed.",
        PAIR,
        "Absent when no address was reached.",
    ),
    Family(
        "probe_dns_lookup_time_seconds",
        "gauge",
        "Time taken to resolve the target's name.",
        PAIR,
        "Absent when nothing was resolved.",
    ),
    *dns.FAMILIES,
    *authority.FAMILIES,
    *trace.FAMILIES,
    *dnssec.FAMILIES,
    *http.FAMILIES,
    *tls.FAMILIES,
    *icmp.FAMILIES,
    *grpc.FAMILIES,
    *websocket.FAMILIES,
    *path.FAMILIES,
    *ntp.FAMILIES,
    *udp.FAMILIES,
    *stream.FAMILIES,
    Family(
        "vedette_probe_failure_info",
        "gauge",
        "Why the last probe failed; present only while it did.",
        (*PAIR, "reason"),
        "Join it to an alert to say the reason.",
    ),
    Family(
        "vedette_probe_last_result_timestamp_seconds",
        "gauge",
        "When the last verdict arrived, by the collector's clock.",
        PAIR,
        "Stays when the verdict expires: its age is the point.",
    ),
    Family(
        "vedette_probe_attempts_total",
        "counter",
        "Probes that ran, with whatever result.",
        PAIR,
        "Starts at 0 with the assignment.",
    ),
    Family(
        "vedette_probe_failures_total",
        "counter",
        "Probes that failed, by failure code.",
        (*PAIR, "reason"),
        "A reason appears with its first failure.",
    ),
    Family(
        "vedette_probe_not_run_total",
        "counter",
        "Probes that our own side spoiled, by reason. Never counted as attempts or failures.",
        (*PAIR, "reason"),
        "A reason appears when it first happens.",
    ),
    Family(
        "vedette_probe_latency_seconds",
        "histogram",
        "Duration of probes that succeeded.",
        PAIR,
        "`_count` is the number of successes; a bucket over `vedette_probe_attempts_total` is the share that "
        "was good and fast.",
    ),
    Family(
        "vedette_probe_late_attempts_total",
        "counter",
        "Probes whose results came too late for the live series, with whatever result.",
        PAIR,
        "Of an outage, mostly. In no other series of the check; appears with the first one.",
    ),
    Family(
        "vedette_probe_late_failures_total",
        "counter",
        "Of these, the probes that failed, by failure code.",
        (*PAIR, "reason"),
        "A reason appears with its first failure.",
    ),
    *ways.FAMILIES,
    Family(
        "vedette_check_assigned",
        "gauge",
        "1 for every check that an agent has to run.",
        PAIR,
        "`vedette_check_assigned unless probe_success` is: no data.",
    ),
)

FLEET_FAMILIES: Final = (
    Family("vedette_check_interval_seconds", "gauge", "Interval of a check.", ("check",)),
    Family(
        "vedette_check_info",
        "gauge",
        "Kind, target and tags of a check.",
        ("check", "kind", "target", "tag_…"),
    ),
    Family(
        "vedette_agent_info",
        "gauge",
        "Version and tags of an agent.",
        ("agent", "version", "tag…"),
        "Tags under their own names. `version` is empty until the agent has said it.",
    ),
    Family(
        "vedette_agent_connected", "gauge", "Whether an agent is there: present and not silent.", ("agent",)
    ),
    Family(
        "vedette_agent_last_seen_timestamp_seconds",
        "gauge",
        "When the last message of an agent arrived, by the collector's clock.",
        ("agent",),
        "Absent until the first one.",
    ),
    Family(
        "vedette_agent_config_matches",
        "gauge",
        "Whether an agent runs the configuration that the collector has.",
        ("agent",),
        "Absent until the agent has said which one it runs.",
    ),
    Family(
        "vedette_results_produced_total",
        "counter",
        "Results that an agent produced, as far as it has said.",
        ("agent",),
        "Each is applied, declared lost, or pending.",
    ),
    Family("vedette_results_applied_total", "counter", "Results applied here, live and late.", ("agent",)),
    Family(
        "vedette_results_late_total",
        "counter",
        "Of the applied results, those that came through the replay lane.",
        ("agent",),
        "They change no live series.",
    ),
    Family(
        "vedette_results_declared_lost_total",
        "counter",
        "Results that were produced and will never be applied, by reason.",
        ("agent", "reason"),
        "A reason appears with its first loss.",
    ),
    Family(
        "vedette_results_pending",
        "gauge",
        "Results that were produced and are neither applied nor declared lost.",
        ("agent",),
    ),
    Family(
        "vedette_ledger_residual",
        "gauge",
        "Produced minus applied, declared lost and pending. Anything but 0 is a bug.",
        ("agent",),
        "The counters of the checks, held against the set of results that are settled.",
    ),
    Family(
        "vedette_ledger_disagreement",
        "gauge",
        "Results that an agent counts as acknowledged and that are not settled here.",
        ("agent",),
        "They are declared lost with the agent's heartbeat, so this stays 0.",
    ),
    Family(
        "vedette_results_duplicates_total",
        "counter",
        "Results that came again, and were not applied again.",
        ("agent",),
        "Since the collector started.",
    ),
    Family(
        "vedette_live_age_seconds",
        "histogram",
        "Age of the newest result of a live batch on arrival, by the collector's clock.",
        ("agent",),
        "Since the collector started; of agents that know how far their clock is off.",
    ),
    *delivery.FAMILIES,
    Family(
        "vedette_agent_skipped_slots_total",
        "counter",
        "Schedule slots that passed without a run.",
        ("agent",),
    ),
    Family(
        "vedette_agent_overlapping_slots_total",
        "counter",
        "Slots skipped because the previous run of the check had not ended.",
        ("agent",),
    ),
    Family("vedette_agent_probes_running", "gauge", "Probes in flight.", ("agent",)),
    Family(
        "vedette_agent_loop_lag_seconds",
        "gauge",
        "Worst stall of an agent's event loop between its last two heartbeats.",
        ("agent",),
    ),
    Family(
        "vedette_agent_publish_refused_total",
        "counter",
        "Publishes that the broker refused an agent.",
        ("agent",),
    ),
    Family(
        "vedette_agent_evidence_lost_total",
        "counter",
        "Evidence of failures that an agent did not publish, by reason.",
        ("agent", "reason"),
        "A reason appears with its first loss.",
    ),
    Family(
        "vedette_agent_shed_total",
        "counter",
        "What an agent left out because it had too much to do, by step.",
        ("agent", "step"),
        "`detail`: facts and evidence that were cut or put off; `replay`: seconds at the lowest rate; "
        "`phases`: results without the times of their phases; `checks`: probes of low priority that were not "
        "run. In this order; a step appears with its first time.",
    ),
    Family(
        "vedette_agent_repeats_total",
        "counter",
        "First failures of an agent's checks that no regular run overtook, by what became of their repeats.",
        ("agent", "fate"),
        "`run`: repeated at once; `rate`: more failed at once than is repeated; `shed`: the agent had too "
        "much to do. A fate appears with its first time.",
    ),
    Family(
        "vedette_agent_asks_total",
        "counter",
        "Asks that reached an agent and the checks that they named, by what became of them.",
        ("agent", "fate"),
        "Of asks: `taken`; refused because of their time (`life`, `early`, `expired`), `duplicate`, "
        "`retained`, for another agent (`foreign`), or unreadable (`too_large`, `content_type`, "
        "`compression`, `version`, `schema`). Of checks: `run`; not run because they are not the agent's "
        "(`unknown`), asked for too often (`rate`), not free in time (`late`), or because the agent had too "
        "much to do (`shed`). A fate appears with its first time.",
    ),
    Family(
        "vedette_agent_clock_bad",
        "gauge",
        "Whether an agent's clock is more than 2 s from the collector's, or for 60 s nobody knows how far.",
        ("agent",),
        "Absent while the agent is not connected.",
    ),
    Family(
        "vedette_agent_clock_offset_seconds",
        "gauge",
        "Collector's clock minus agent's clock.",
        ("agent",),
        "Absent until both have exchanged four timestamps.",
    ),
    Family("vedette_agent_clock_rtt_seconds", "gauge", "Round-trip time of the clock exchange.", ("agent",)),
    Family(
        "vedette_collector_results_rejected_total",
        "counter",
        "Results that were not applied, by reason; a message that cannot be read counts as one.",
        ("reason",),
    ),
    Family(
        "vedette_collector_results_deferred_total",
        "counter",
        "Results left to their agents because the store did not keep up. They come again.",
    ),
    *store.FAMILIES,
    *incidents.FAMILIES,
    Family("vedette_collector_evidence_total", "counter", "Records of evidence that were stored."),
    Family("vedette_collector_evidence_bytes", "gauge", "Memory of the evidence that is kept."),
    Family(
        "vedette_collector_evidence_rejected_total",
        "counter",
        "Records of evidence that were not stored, by reason.",
        ("reason",),
    ),
    Family(
        "vedette_collector_broker_connected",
        "gauge",
        "Whether a connection to the broker stands.",
        ("link",),
        "Links `live`, `replay`, `control`.",
    ),
    Family("vedette_collector_broker_connects_total", "counter", "Connections that were made.", ("link",)),
    Family(
        "vedette_collector_broker_connect_failures_total",
        "counter",
        "Attempts to connect that failed, by reason.",
        ("link", "reason"),
        "A reason appears with its first failure.",
    ),
    Family(
        "vedette_collector_broker_subscriptions_refused_total",
        "counter",
        "Subscriptions that the broker refused: what they ask for does not arrive.",
        ("link",),
    ),
    Family(
        "vedette_collector_broker_messages_dropped_total",
        "counter",
        "Messages of QoS 0 that found the inbox full. Agents send with QoS 1.",
        ("link",),
    ),
    Family(
        "vedette_collector_remote_write_samples_total",
        "counter",
        "Samples of late results, by what became of them.",
        ("outcome",),
        "This and the next three only where remote write is on.",
    ),
    Family(
        "vedette_collector_remote_write_entries_skipped_total",
        "counter",
        "Late batches of which nothing was written, by reason.",
        ("reason",),
        "Those that are `pruned` may be anything that had left the history.",
    ),
    Family(
        "vedette_collector_remote_write_failures_total",
        "counter",
        "Requests and reads that failed, by reason.",
        ("reason",),
    ),
    Family(
        "vedette_collector_remote_write_lag_seconds",
        "gauge",
        "Time since the oldest late batch arrived that is not settled. 0 when all are.",
    ),
    Family("vedette_collector_acks_published_total", "counter", "Acks that the broker took."),
    Family("vedette_collector_acks_failed_total", "counter", "Acks that could not be published."),
    Family(
        "vedette_collector_event_clients", "gauge", "Readers of the status page that receive live updates."
    ),
    Family(
        "vedette_collector_event_clients_dropped_total",
        "counter",
        "Readers that were turned away or cut off because they did not keep up, by reason.",
        ("reason",),
    ),
    Family(
        "vedette_collector_config_last_reload_successful",
        "gauge",
        "Whether the last reading of the configuration succeeded.",
    ),
    Family(
        "vedette_collector_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When the configuration was last read with success.",
    ),
    Family("vedette_collector_build_info", "gauge", "Version of the collector.", ("version", "python")),
)
