"""Debian's blackbox_exporter beside our prober: started with the modules of cases, asked, compared."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from conformance.cases import Came, Case, Samples, Values, filled, holds, samples
from servers.daemon import Daemon, accepts, free_port, installed

NAME: Final = "prometheus-blackbox-exporter"
needs_peer: Final = pytest.mark.skipif(
    installed(NAME) is None, reason=f"{NAME} is not installed. On Debian: apt-get install {NAME}"
)

# Times are each program's own, and never equal.
_TIMES: Final = (
    "probe_duration_seconds",
    "probe_dns_lookup_time_seconds",
    "probe_dns_duration_seconds",
    "probe_icmp_duration_seconds",
    "probe_http_duration_seconds",
    "probe_grpc_duration_seconds",
)

# What only one of the two has in some of the cases, and why. Anything else that only one has is a failure.
ONLY_THEIRS: Final = {
    "probe_dns_lookup_time_seconds": "a literal address is not looked up, and has no time for it",
    "probe_ip_addr_hash": "the address of a result is a fact, shown as it is",
    "probe_ssl_last_chain_info": "no label comes from a certificate",
    "probe_ssl_last_chain_expiry_timestamp_seconds": "no chain was verified; there it is in year 1",
    "probe_dns_answer_rrs": "without a response there are no sections to count; there it is 0",
    "probe_dns_authority_rrs": "as probe_dns_answer_rrs",
    "probe_dns_additional_rrs": "as probe_dns_answer_rrs",
    "probe_ssl_earliest_cert_expiry": "without TLS there is no certificate; there a gRPC probe has 0",
    "probe_http_content_length": "without a response there is nothing to tell of it; there it is 0",
    "probe_http_redirects": "as probe_http_content_length",
    "probe_http_ssl": "as probe_http_content_length",
    "probe_http_uncompressed_body_length": "as probe_http_content_length",
    "probe_http_version": "as probe_http_content_length",
}
ONLY_OURS: Final = {
    "probe_tls_cipher_info": "0.23 has it for HTTP alone",
    "probe_ssl_earliest_cert_expiry": "what was presented is also told when it did not pass",
}


class Peer:
    """A running exporter. `ask` probes *target* with the module of a case."""

    def __init__(self, port: int, names: Mapping[str, str]) -> None:
        self._port = port
        self._names = names

    def ask(self, case: Case, target: str) -> Samples:
        question = urlencode({"module": self._names[case.name], "target": target})
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/probe?{question}", timeout=30) as answer:
            return samples(answer.read().decode())


@contextmanager
def peer(directory: Path, kind: str, cases: list[Case], values: Values) -> Iterator[Peer]:
    """An exporter that has the modules of *cases*, all of *kind*; *values* fill them."""
    names = {case.name: f"module-{at}" for at, case in enumerate(cases)}
    assert len(names) == len(cases), "two cases of one name"
    modules: dict[str, Any] = {
        names[case.name]: {"prober": kind, "timeout": "5s", **filled(case.module, values)} for case in cases
    }
    config = directory / f"{kind}.yml"
    config.write_text(json.dumps({"modules": modules}))
    port = free_port()
    argv = [
        str(installed(NAME)),
        f"--config.file={config}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    daemon = Daemon(argv, directory / f"{kind}.log")
    daemon.start(lambda: accepts(port), within=30)
    try:
        yield Peer(port, names)
    finally:
        daemon.kill()


def at_odds(case: Case, ours: Came, theirs: Samples) -> list[str]:
    """Where the two say different things of the same server, a line for each; times are not compared."""
    found = []
    success = 1.0 if case.verdict == "ok" else 0.0
    if theirs["probe_success"] != success:
        found.append(f"probe_success is {theirs['probe_success']} there, not {success} as in the table")
    mine = {name: value for name, value in ours.samples.items() if name.startswith("probe_")}
    for name in sorted((mine.keys() | theirs.keys()) - {"probe_success"}):
        family = name.partition("{")[0]
        if name in case.their_metrics:
            wanted = case.their_metrics[name]
            if not holds(wanted, theirs.get(name)):
                found.append(f"{name} is {theirs.get(name)} there, not {wanted} as in the table")
        elif name in mine and name in theirs:
            if family not in _TIMES and mine[name] != theirs[name]:
                found.append(f"{name} is {mine[name]}, and {theirs[name]} there")
        elif family in _TIMES:
            pass  # a phase that did not take place here has no time
        elif family not in (ONLY_OURS if name in mine else ONLY_THEIRS):
            found.append(f"{name} is only {'here' if name in mine else 'there'}")
    return found
