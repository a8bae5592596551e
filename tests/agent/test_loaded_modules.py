"""An agent loads what its checks need, and nothing for kinds that it does not run."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from vedette.absent import absent
from vedette.checks.schema import KINDS

NOBODY = "127.0.0.1:1"
PROBES: dict[str, dict[str, object]] = {
    "dns": {"name": "shop.example", "resolver": NOBODY},
    "authority": {"zone": "shop.example", "resolver": NOBODY},
    "trace": {"name": "shop.example", "roots": ["127.0.0.1"]},
    "dnssec": {"name": "shop.example", "resolver": NOBODY},
    "http": {"url": f"http://{NOBODY}/"},
    "tcp": {"address": NOBODY},
    "tls": {"address": NOBODY},
    "icmp": {"host": "127.0.0.1"},
    "path": {"host": "127.0.0.1"},
    "udp": {"address": NOBODY, "send": "hello"},
    "ntp": {"host": "127.0.0.1", "port": 1},
    "websocket": {"url": f"ws://{NOBODY}/"},
    "grpc": {"address": NOBODY},
}
# Whose modules these are; of all others it is a kind's own prober that is held.
LIBRARIES = {
    "httptools": {"http"},
    "h2": {"grpc"},
    "wsproto": {"websocket"},
    "cryptography": {"dnssec"},
    "aioquic": set(),
    "aiohttp": set(),
    "pydantic": set(),
    "prometheus_client": set(),
    "jinja2": set(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_with_checks_of_one_kind_loads_nothing_of_the_others(kind: str) -> None:
    check = {"name": "only", "interval": "1s", "timeout": "1s", kind: PROBES[kind]}
    configuration = json.dumps({"agents": [{"name": "fra-01"}], "checks": [check]})
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "one_kind.py")],
        input=configuration,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert {other for other in KINDS if f"vedette_agent.probers.{other}" in loaded} == {kind}
    assert {
        library for library, users in LIBRARIES.items() if library in loaded and kind not in users
    } == set()


def test_mqtt_does_not_bring_a_resolver_and_leaves_it_to_who_asks_for_it() -> None:
    code = """
import sys
from importlib import import_module
import vedette.mqtt
assert "dns.resolver" not in sys.modules
from paho.mqtt import client
assert not client.HAVE_DNS
import dns.resolver
assert dns.resolver.Resolver
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_an_agent_loads_no_mail_archives_or_metadata() -> None:
    """Libraries ask for these and do not need them here: 3 MB."""
    code = "from vedette import cli; cli.main(['agent', 'run', '--help']); import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "vedette_agent.dns.query" in loaded
    unwanted = {
        "email",
        "http.client",
        "importlib.metadata",
        "shutil",
        "statistics",
        "urllib.request",
        "zipfile",
    }
    assert loaded & unwanted == set()


def test_what_was_kept_away_is_found_by_those_who_need_it() -> None:
    """The library of validation, and whoever imports urllib.request later."""
    code = (
        "import vedette.mqtt, vedette_agent.dnssec.signatures, urllib.request, dns.dnssec, dns._features; "
        "print(dns._features.have('dnssec'), callable(urllib.request.urlopen), "
        "dns.dnssec.validate_rrsig is dns.dnssec._validate_rrsig)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "True", "True"]


@pytest.mark.parametrize("wanted", ["from needed import VALUE", "import needed as it; VALUE = it.VALUE"])
def test_a_library_that_does_need_what_is_kept_away_gets_it(
    wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needed.py").write_text("VALUE = 5")
    (tmp_path / "library.py").write_text(wanted)
    with absent("needed"):
        library = import_module("library")
    real = sys.modules.pop("needed")
    del sys.modules["library"]
    assert library.VALUE == real.VALUE == 5
    assert real.__file__ == str(tmp_path / "needed.py")
