"""The shipped certificate script: what it makes, and what it refuses."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from servers.shipped_broker import make_certs, make_pki

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def test_the_common_name_is_the_identity_and_the_use_is_limited(tmp_path: Path) -> None:
    """A stolen agent key cannot stand in for the broker, nor the other way round."""
    pki = make_pki(tmp_path, "par-01")
    for identity, use in (
        ("par-01", ExtendedKeyUsageOID.CLIENT_AUTH),
        ("collector-live", ExtendedKeyUsageOID.CLIENT_AUTH),
        ("broker", ExtendedKeyUsageOID.SERVER_AUTH),
    ):
        certificate = x509.load_pem_x509_certificate(pki.pair(identity)[0].read_bytes())
        assert common_name(certificate) == identity
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(uses) == [use]
        assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_host_names_and_addresses_of_the_broker_are_told_apart(tmp_path: Path) -> None:
    make_certs(tmp_path, "ca")
    make_certs(tmp_path, "broker", "mqtt.example.net", "192.0.2.1", "2001:db8::1")
    certificate = x509.load_pem_x509_certificate((tmp_path / "broker.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mqtt.example.net"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    pki = make_pki(tmp_path, "par-01")
    keys = sorted(pki.directory.glob("*.key"))
    assert len(keys) == 6
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("agent", "a+b"), "'a+b' is no agent name"),
        (("agent", "ab\ncd-01"), "is no agent name"),
        (("agent", "collector-live"), "'collector-live' is reserved"),
        (("agent", "broker"), "'broker' is reserved"),
        (("agent", "ab"), "is no agent name"),
        (("agent", "a" * 33), "is no agent name"),
        (("agent",), "agent needs a name"),
        (("broker",), "broker needs the names that agents connect to"),
        (("ca",), "ca.pem exists: every certificate it signed would be lost"),
        (("agent", "par-01"), "par-01.pem exists"),
        (("user",), "'user' is none of ca, broker, agent, collector"),
    ],
)
def test_what_would_break_the_acl_or_destroy_a_key_is_refused(
    tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    make_certs(tmp_path, "ca")
    make_certs(tmp_path, "agent", "par-01")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(subprocess.CalledProcessError) as refused:
        make_certs(tmp_path, *words)
    assert refused.value.returncode == 2
    assert complaint in refused.value.stderr.decode()
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_leaf_without_an_authority_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        make_certs(tmp_path, "agent", "par-01")
    assert "there is no authority" in refused.value.stderr.decode()
