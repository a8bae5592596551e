"""The far host's servers: NSD, nginx with HTTP and HTTPS (P-256), and a port that only accepts."""

import json
import sys
from pathlib import Path

import trustme

from benchmarks.on_wire.network import ADDRESSES, NETWORK
from servers.nginx import Nginx
from servers.nsd import Nsd, plain

PORTS = {"http": 80, "https": 443, "tcp": 7000}
PAGE_BYTES = 4000  # three segments: the first byte and the last one differ

_ZONE = """\
$ORIGIN shop.example.
$TTL 60
@ IN SOA ns.shop.example. hostmaster.shop.example. {serial} 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
www IN A 192.0.2.10
www IN A 192.0.2.11
"""
_HOSTS = """\
server {{
  listen {http};
  listen {tcp};
  listen {https} ssl;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  location / {{ return 200 "{page}"; }}
}}
"""


def serve(directory: Path) -> None:
    """Until standard input ends. Says where the servers are."""
    directory.mkdir(parents=True)
    ca = trustme.CA()
    leaf = ca.issue_cert("shop.example")
    ca_file, cert, key = directory / "ca.pem", directory / "leaf.pem", directory / "leaf.key"
    ca.cert_pem.write_to_path(str(ca_file))
    cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    hosts = _HOSTS.format(**PORTS, cert=cert, key=key, page="x" * PAGE_BYTES)
    nginx = Nginx(directory / "nginx", hosts, tuple(PORTS.values()))
    addresses = ["127.0.0.1", *(f"{NETWORK}.{number}" for number in range(1, ADDRESSES + 1))]
    nsd = Nsd(directory / "nsd", {"shop.example.": plain(_ZONE)}, addresses)
    try:
        nginx.start()
        nsd.start()
        print(json.dumps({"dns": nsd.port, **PORTS, "ca_file": str(ca_file)}), flush=True)
        sys.stdin.read()
    finally:
        nginx.stop()
        nsd.stop()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
