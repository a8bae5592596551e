"""What a TLS peer is offered and held to: one OpenSSL context for all checks that want the same.

To load a trust store takes tens of milliseconds, so contexts are kept until one of their files changes.
"""

import os
import ssl
import warnings
from typing import Final

from vedette.checks.model import TlsOptions
from vedette.checks.model.tls import TlsVersion
from vedette.ciphers import offer_no_finite_field
from vedette.wire.failure import NotRun
from vedette_agent.engine.record import ProbeSpoiled

# One per CA file of the checks; were there fewer than files, each probe would build its own anew.
MAX_CONTEXTS: Final = 1024

_VERSIONS: Final[dict[TlsVersion, ssl.TLSVersion]] = {
    "TLSv1.0": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}

_Offer = tuple[
    bool, str | None, str | None, str | None, str | None, str | None, tuple[str, ...], tuple[str, ...]
]
_contexts: dict[_Offer, tuple[tuple[int, ...], ssl.SSLContext]] = {}


def context(options: TlsOptions, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """The shared context for *options*; built anew when one of its files has changed.

    Raises ProbeSpoiled when one cannot be used, or without trust anchors: that is no fault of the target.
    """
    key = (
        options.verify,
        options.ca_file,
        options.cert_file,
        options.key_file,
        options.min_version,
        options.max_version,
        options.ciphers,
        alpn,
    )
    changed: tuple[int, ...] = ()
    if options.verify and options.ca_file is not None:
        changed = (_changed("ca_file", options.ca_file),)
    if options.cert_file is not None:
        changed += (_changed("cert_file", options.cert_file),)
    if options.key_file is not None:
        changed += (_changed("key_file", options.key_file),)
    cached = _contexts.get(key)
    if cached is not None and cached[0] == changed:
        return cached[1]
    built = _context(options, alpn)
    if len(_contexts) >= MAX_CONTEXTS:
        del _contexts[next(iter(_contexts))]
    _contexts[key] = (changed, built)
    return built


def _changed(option: str, path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError as exc:
        raise ProbeSpoiled(NotRun.CONFIGURATION, f"{option} {path}: {exc.strerror}") from exc


def _context(options: TlsOptions, alpn: tuple[str, ...]) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # A server could ask for one handshake after another, each as dear as the first (RFC 5246 7.4.1.1).
    made.options |= ssl.OP_NO_RENEGOTIATION
    # RFC 9525 6.3: a name stands in subjectAltName; no browser looks at the common name any more.
    made.hostname_checks_common_name = False
    _offer(made, options)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if options.cert_file is not None:
        _identify(made, options.cert_file, options.key_file)
    if not options.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif options.ca_file is not None:
        try:
            made.load_verify_locations(options.ca_file)
        except OSError as exc:
            # OpenSSL's own words name a line of its caller in C.
            fault = "no certificate in PEM form in it" if isinstance(exc, ssl.SSLError) else exc.strerror
            said = f"ca_file {options.ca_file}: {fault}"
            raise ProbeSpoiled(NotRun.CONFIGURATION, said) from exc
    else:
        made.load_default_certs()
        directory = ssl.get_default_verify_paths().capath
        if not made.cert_store_stats()["x509_ca"] and not (directory and os.listdir(directory)):
            raise ProbeSpoiled(NotRun.CONFIGURATION, "this host has no trust store: install ca-certificates")
    return made


def _offer(made: ssl.SSLContext, options: TlsOptions) -> None:
    """Versions and suites. Unlike a user's client, a check may have to ask for what is too old."""
    high = options.max_version
    low = options.min_version or (high if high in ("TLSv1.0", "TLSv1.1") else "TLSv1.2")
    if low in ("TLSv1.0", "TLSv1.1"):
        # OpenSSL 3 allows their SHA-1 signatures at level 0 only, at which it accepts short keys, too.
        made.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what is deprecated is what is asked for
        made.minimum_version = _VERSIONS[low]
        if high is not None:
            made.maximum_version = _VERSIONS[high]
    if options.ciphers:
        try:
            made.set_ciphers(":".join(options.ciphers))
        except ssl.SSLError as exc:
            said = f"OpenSSL of this host knows none of the ciphers {', '.join(options.ciphers)}"
            raise ProbeSpoiled(NotRun.CONFIGURATION, said) from exc
    offer_no_finite_field(made)


def _identify(made: ssl.SSLContext, cert_file: str, key_file: str | None) -> None:
    try:
        # Without a password OpenSSL would ask for one at the terminal, and wait.
        made.load_cert_chain(cert_file, key_file, password="")
    except OSError as exc:
        reason = getattr(exc, "reason", None)
        match reason:
            case _ if not isinstance(exc, ssl.SSLError):
                fault = str(exc.strerror)
            case "KEY_VALUES_MISMATCH":
                fault = "the key is of another certificate"
            case _:
                fault = "no certificate with an unencrypted key in PEM form"
        said = f"cert_file {cert_file}, key_file {key_file or cert_file}: {fault}"
        raise ProbeSpoiled(NotRun.CONFIGURATION, said) from exc
