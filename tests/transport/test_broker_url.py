"""Where the broker is, as people write it."""

import argparse
from pathlib import Path

import pytest

from vedette.errors import ConfigError
from vedette.mqtt import Broker, add_broker_options, broker_from


def test_urls_that_are_right() -> None:
    assert (Broker.parse("mqtt://h").port, Broker.parse("mqtts://h").port) == (1883, 8883)
    broker = Broker.parse("mqtts://[::1]:1/")
    assert (broker.host, broker.port, broker.tls, str(broker)) == ("::1", 1, True, "mqtts://[::1]:1")


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("broker.example", {}, "expected mqtt://HOST"),
        ("http://h", {}, "expected mqtt://HOST"),
        ("mqtt://", {}, "expected mqtt://HOST"),
        ("mqtt://h:99999", {}, "Port out of range"),
        ("mqtt://h:x", {}, "Port could not be cast"),
        ("mqtt://h:0", {}, "port 0"),
        ("mqtt://h/topic", {}, "expected mqtt://HOST"),
        ("mqtt://u:secret@h", {}, "--password-file"),
        ("mqtt://h", {"ca_file": "ca.pem"}, "write mqtts://h"),
        ("mqtts://h", {"cert_file": "a.crt"}, "--cert and --key"),
        ("mqtt://h", {"password_file": "p"}, "needs --username"),
    ],
)
def test_urls_that_are_wrong(url: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        Broker.parse(url, **options)
    assert words in str(error.value)
    assert "secret" not in str(error.value)


def test_an_identity_fills_in_names(tmp_path: Path) -> None:
    (tmp_path / "collector-live.pw").write_text("s3cret\nsecond line\n")
    broker = Broker.parse("mqtt://h", username="{identity}", password_file=str(tmp_path / "{identity}.pw"))
    own = broker.of("collector-live")
    assert (own.username, own.password()) == ("collector-live", "s3cret")
    with pytest.raises(ConfigError, match=r"collector-replay\.pw"):
        broker.of("collector-replay")


def test_a_key_that_does_not_belong_is_said(tmp_path: Path) -> None:
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_text("-----BEGIN NOTHING-----\n")
    broker = Broker.parse("mqtts://h", cert_file=str(tmp_path / "a.crt"), key_file=str(tmp_path / "a.key"))
    with pytest.raises(ConfigError, match="not a certificate and its key"):
        broker.of("par-01")


def test_options_become_a_broker() -> None:
    parser = argparse.ArgumentParser()
    add_broker_options(parser)
    broker = broker_from(parser.parse_args(["--broker", "mqtts://h:1", "--username", "u", "--ca", "ca.pem"]))
    assert (broker.host, broker.port, broker.username, broker.ca_file) == ("h", 1, "u", "ca.pem")


def test_no_finite_field_group_of_the_brokers_choice_is_taken() -> None:
    """OpenSSL would compute with up to 10,000 bits: a second and more in which no probe moves."""
    context = Broker.parse("mqtts://broker.example").tls_context()
    assert context is not None
    exchanges = {cipher["kea"] for cipher in context.get_ciphers()}
    assert {"kx-any", "kx-ecdhe"} <= exchanges
    assert not any(exchange.startswith("kx-dhe") for exchange in exchanges)
