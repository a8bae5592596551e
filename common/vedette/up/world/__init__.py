"""A small world on loopback: names, web servers, certificates, networks, and the ways they fail."""
