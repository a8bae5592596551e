"""Which key exchanges we offer, as a client of targets and of brokers."""

import ssl


def offer_no_finite_field(context: ssl.SSLContext) -> None:
    """Take every finite-field Diffie-Hellman suite out of *context*.

    The server chooses the group, and one of 10,000 bits holds the event loop for a second.
    """
    kept = [suite["name"] for suite in context.get_ciphers() if not suite["kea"].startswith("kx-dhe")]
    context.set_ciphers(":".join(kept))
