"""A file in MaxMind's format says who announces an address; a bad one is an error that says what to do."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from vedette.errors import ConfigError
from vedette_collector.origins import Database
from vedette_collector.verdicts.learned import Origin
from verdicts.mmdb_helpers import MARKER, written

NETWORKS: dict[str, dict[str, Any]] = {
    "192.0.2.0/24": {"autonomous_system_number": 3356, "autonomous_system_organization": "Lumen"},
    "198.51.100.128/25": {"asn": "as174"},
    "2001:db8::/32": {"autonomous_system_number": 64496},
    "203.0.113.0/24": {"autonomous_system_organization": "nobody knows"},
}


def test_an_address_has_its_network_and_the_prefix_that_the_file_has(tmp_path: Path) -> None:
    database = Database(written(tmp_path / "asn.mmdb", NETWORKS))
    assert database("192.0.2.77") == Origin("AS3356", "192.0.2.0/24")
    assert database("198.51.100.200") == Origin("AS174", "198.51.100.128/25")
    assert database("2001:db8:1::1") == Origin("AS64496", "2001:db8::/32")


@pytest.mark.parametrize("address", ["198.51.100.1", "203.0.113.1", "10.0.0.1", "www.example.com", "", "::1"])
def test_what_is_not_in_the_file_has_none(address: str, tmp_path: Path) -> None:
    assert Database(written(tmp_path / "asn.mmdb", NETWORKS))(address) is None


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        Database(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert re.search("; (check|name|use|fetch)", said)
    return said


def test_a_file_that_cannot_be_used_is_told_with_a_remedy(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.mmdb")
    assert "cannot be read" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a file;" in refused(tmp_path / "pipe")
    assert "not a file;" in refused(Path("/dev/null"))
    (tmp_path / "empty.mmdb").touch()
    assert "MaxMind's format" in refused(tmp_path / "empty.mmdb")
    (tmp_path / "text.mmdb").write_text("192.0.2.0/24 3356\n")
    assert "MaxMind's format" in refused(tmp_path / "text.mmdb")
    cities = {"192.0.2.0/24": {"city": "Paris"}}
    assert "no autonomous systems" in refused(written(tmp_path / "city.mmdb", cities))


def test_a_damaged_file_is_refused_or_answers_nothing_wrong(tmp_path: Path) -> None:
    """Cut or changed anywhere: it never raises anything but ConfigError."""
    whole = written(tmp_path / "asn.mmdb", NETWORKS).read_bytes()
    damaged = tmp_path / "damaged.mmdb"
    refusals = 0
    places = [*range(0, len(whole), 97), *range(whole.index(MARKER), len(whole))]
    for place in places:
        for raw in (whole[:place] + whole[place + 40 :], whole[:place] + b"\xff\xff" + whole[place + 2 :]):
            damaged.write_bytes(raw)
            try:
                database = Database(damaged)
            except ConfigError:
                refusals += 1
            else:
                for network in NETWORKS:
                    database(network.partition("/")[0])
    assert refusals > 50


def test_a_file_that_is_cut_later_does_no_harm(tmp_path: Path) -> None:
    path = written(tmp_path / "asn.mmdb", NETWORKS)
    database = Database(path)
    path.write_bytes(b"")
    assert database("192.0.2.77") == Origin("AS3356", "192.0.2.0/24")
