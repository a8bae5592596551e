"""The small languages inside one text: durations, addresses, URLs, names, patterns.

Each function takes what the file says and returns what the model holds. A ValueError says what is wrong and,
after a semicolon, what to do.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from vedette.checks.model import Endpoint
from vedette.checks.pattern import compiled
from vedette.checks.problems import quoted
from vedette.wire import limits

MAX_REGEX: Final = 1000
MAX_URL: Final = 2000
DNS_PORT: Final = 53

# So begin the collector's client ids; a broker throws out the first of two clients with one id.
RESERVED_AGENT: Final = "collector-"
# Labels of the metrics that carry tags, of Prometheus itself, and `name`, which selects an agent by its name.
RESERVED_TAGS: Final = frozenset(
    ("agent", "check", "instance", "job", "le", "name", "phase", "quantile", "reason", "target", "version")
)
# The probe writes these itself; a second one would make the request ambiguous (RFC 9112 6.3).
RESERVED_HEADERS: Final = frozenset(("connection", "content-length", "transfer-encoding"))

DURATION: Final = r"^[0-9]{1,6}(\.[0-9]{1,6})?(ms|s|m|h|d)$"
SIZE: Final = r"^[0-9]{1,12}(B|kB|MB|kiB|KiB|MiB)$"
SHARE: Final = r"^[0-9]{1,2}(\.[0-9]{1,3})?%$"
STATUS: Final = r"^[1-9][0-9]{2}-[1-9][0-9]{2}$"
CHECK_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
SUFFIX: Final = r"^[A-Za-z0-9._-]{1,63}$"

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"B": 1, "kB": 1000, "MB": 1000_000, "kiB": 1024, "KiB": 1024, "MiB": 1 << 20}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?|\*")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_CIPHER = re.compile(r"[A-Z0-9][A-Z0-9_-]*")  # no lists, no `!` and no @SECLEVEL
_UNSAFE_IN_URL = re.compile(r"[^!-~]|[\"<>\\^`{|}]")  # RFC 3986 2: these travel percent-encoded


def duration(text: str) -> float:
    """Seconds."""
    if not _fits(DURATION, text):
        raise ValueError(
            f"{quoted(text)} is not a duration; write a number and a unit, such as 500ms, 30s or 5m"
        )
    unit = text.lstrip("0123456789.")
    return float(text[: -len(unit)]) * _SECONDS[unit]


def interval(text: str) -> float:
    return _within(duration(text), text, 1.0, 86400.0, "1s", "1d")


def timeout(text: str) -> float:
    return _within(duration(text), text, 0.01, 300.0, "10ms", "5m")


def short_time(text: str) -> float:
    return _within(duration(text), text, 0.001, 60.0, "1ms", "1m")


def share(text: str) -> float:
    """Of one: 20% is 0.2."""
    if not _fits(SHARE, text):
        raise ValueError(
            f"{quoted(text)} is not a share; write a number below 100 and a percent sign, such as 20%"
        )
    return float(text[:-1]) / 100


def size(text: str) -> int:
    """Bytes."""
    if not _fits(SIZE, text):
        raise ValueError(f"{quoted(text)} is not a size; write a number and a unit, such as 64kB or 1MiB")
    unit = text.lstrip("0123456789")
    return int(text[: -len(unit)]) * _BYTES[unit]


def agent_name(text: str) -> str:
    if not _fits(limits.AGENT_NAME, text):
        raise ValueError(
            f"{quoted(text)} is not an agent name; use 3 to 32 lower-case letters, digits and hyphens, "
            "with a letter or digit at both ends"
        )
    if text.startswith(RESERVED_AGENT):
        raise ValueError(
            f"{quoted(text)} is kept for the collector's own identity at the broker; choose another name"
        )
    return text


def check_name(text: str) -> str:
    if not _fits(CHECK_NAME, text):
        raise ValueError(
            f"{quoted(text)} is not a check name; use 1 to 63 letters, digits, dots, hyphens, underscores, "
            "beginning with a letter or digit"
        )
    return text


def suffix(text: str) -> str:
    """What follows the name of a check and a colon: one of the servers that it asks."""
    if not _fits(SUFFIX, text):
        raise ValueError(
            f"{quoted(text)} is not a name for one of several; use 1 to 63 letters, digits, dots, hyphens, "
            "underscores"
        )
    return text


def tag_name(text: str) -> str:
    if not _fits(limits.TAG_NAME, text):
        raise ValueError(
            f"{quoted(text)} is not a tag name; use 1 to 32 lower-case letters, digits and underscores, "
            "not beginning with a digit"
        )
    if text in RESERVED_TAGS or text.startswith("__"):
        raise ValueError(f"{quoted(text)} is a label that metrics have already; choose another tag name")
    return text


def tag_value(text: str) -> str:
    if not text:
        raise ValueError("an empty tag value is no tag in Prometheus; give a value or remove the tag")
    if not text.isprintable():
        raise ValueError(f"{quoted(text)} holds a control character; remove it")
    if len(text) > limits.MAX_TAG_TEXT:
        raise ValueError(f"a tag value of {len(text)} characters; {limits.MAX_TAG_TEXT} are allowed")
    return text


def host(text: str) -> str:
    """A literal address in its canonical form, or a DNS name as `dns_name` gives it."""
    literal = address_or_none(text)
    if literal is not None:
        return str(literal)
    if ":" in text:
        raise ValueError(f"{quoted(text)} is neither an address nor a name; give a host without a port")
    name = dns_name(text)
    if name == "." or "*" in name:
        raise ValueError(f"{quoted(text)} is not a host; name one host")
    # The last label of a name is never all digits (RFC 3696 2), so this was meant as an address.
    if name.rpartition(".")[2].isdigit():
        raise ValueError(f"{quoted(text)} is not an IPv4 address; write four numbers from 0 to 255")
    return name


def dns_name(text: str) -> str:
    """Lower case, without the final dot; "." is the root. What is not ASCII becomes A-labels (IDNA 2003)."""
    if text == ".":
        return text
    name = text.removesuffix(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError as exc:
            # The reason stands in the cause (Python 3.11), in the text (3.12), or in `reason` (3.13), which
            # also tells an empty label from a long one.
            why = str(getattr(exc, "reason", None) or exc.__cause__ or exc)
            why = "label empty or too long" if why.startswith("label ") else why
            raise ValueError(f"{quoted(text)} has no ASCII form in DNS ({why}); write its xn-- form") from exc
    name = name.lower()
    for label in name.split("."):
        if not label:
            raise ValueError(f"{quoted(text)} has an empty label; remove the extra dot")
        if len(label) > 63:
            raise ValueError(
                f"label {quoted(label)} has {len(label)} characters; DNS allows 63 (RFC 1035 2.3.4)"
            )
        if not _LABEL.fullmatch(label):
            raise ValueError(
                f"{quoted(label)} is not a DNS label; use letters, digits, hyphens inside, and underscores"
            )
    if len(name) > 253:
        raise ValueError(f"a name of {len(name)} characters; DNS allows 253 (RFC 1035 2.3.4)")
    return name


def host_port(text: str) -> tuple[str, int]:
    """`host:port` or `[address]:port`."""
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]+)):([0-9]{1,5})", text)
    if found is None:
        raise ValueError(f"{quoted(text)} is not host:port; write example.com:443 or [2001:db8::1]:443")
    name = found[2] if found[1] is None else str(address(found[1]))
    return host(name), port(found[3])


def endpoint(text: str) -> Endpoint:
    """The literal address of a DNS server, with its port or without (53)."""
    literal = address_or_none(text)
    if literal is not None:
        return Endpoint(str(literal), DNS_PORT)
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]+))(?::([0-9]{1,5}))?", text)
    literal = address_or_none(found[1] or found[2]) if found else None
    if found is None or literal is None:
        raise ValueError(
            f"{quoted(text)} is not the address of a resolver; write a literal address, "
            "with a port or without, such as 192.0.2.53:53 or [2001:db8::53]:53"
        )
    return Endpoint(str(literal), port(found[3]) if found[3] else DNS_PORT)


def address(text: str) -> IPv4Address | IPv6Address:
    literal = address_or_none(text)
    if literal is None:
        raise ValueError(
            f"{quoted(text)} is not a literal address; write one such as 192.0.2.1 or 2001:db8::1"
        )
    return literal


def address_or_none(text: str) -> IPv4Address | IPv6Address | None:
    """Zone indices (`%eth0`) are left out: they mean something on one host only."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as exc:
        hint = "; clear the host bits" if "host bits" in str(exc) else "; write one such as 192.0.2.0/24"
        raise ValueError(f"{quoted(text)} is not a network in CIDR form{hint}") from exc


def regex(text: str) -> str:
    if len(text) > MAX_REGEX:
        raise ValueError(f"a pattern of {len(text)} characters; {MAX_REGEX} are allowed")
    try:
        compiled(text, captures=True)
    except ValueError as exc:
        raise ValueError(f"{quoted(text)} is not a regular expression: {exc}") from exc
    return text


def url(text: str) -> str:
    """An absolute http or https URL without user info and fragment; the host in ASCII."""
    return _absolute(text, ("http", "https"))


def websocket_url(text: str) -> str:
    """As `url`, for ws and wss."""
    return _absolute(text, ("ws", "wss"))


def _absolute(text: str, schemes: tuple[str, str]) -> str:
    if len(text) > MAX_URL:
        raise ValueError(f"a URL of {len(text)} characters; {MAX_URL} are allowed")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise ValueError(f"{quoted(text)} is not a URL ({exc}); write {schemes[1]}://host/path") from exc
    if parts.scheme not in schemes:
        told = f"begin with {schemes[0]}:// or {schemes[1]}://"
        article = "an" if schemes[0] == "http" else "a"
        raise ValueError(f"{quoted(text)} is not {article} {schemes[0]} or {schemes[1]} URL; {told}")
    if "@" in parts.netloc:
        raise ValueError(
            "the URL holds a user name or password; "
            "http checks name them under auth, websocket checks under headers"
        )
    if "#" in text:
        raise ValueError(f"{quoted(text)} has a fragment, which is never sent; remove it from the #")
    if not parts.hostname:
        raise ValueError(f"{quoted(text)} has no host; write {schemes[1]}://host/path")
    if port == 0:
        raise ValueError("port 0 cannot be probed; use 1 to 65535")
    name = host(parts.hostname)
    rest = parts._replace(scheme="", netloc="", path=parts.path or "/").geturl()
    found = _UNSAFE_IN_URL.search(rest)
    if found:
        raise ValueError(f"{quoted(found[0])} cannot stand in a URL; percent-encode it")
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}{'' if port is None else f':{port}'}{rest}"


def url_host(text: str) -> str:
    """The host of a URL that `url` accepts."""
    return host(urlsplit(text).hostname or "")


def websocket_host(text: str) -> str:
    """The host of a URL that `websocket_url` accepts."""
    return host(urlsplit(text).hostname or "")


def header_name(text: str) -> str:
    if not TOKEN.fullmatch(text):
        raise ValueError(
            f"{quoted(text)} is not a header name; use letters, digits and hyphens (RFC 9110 5.6.2)"
        )
    return text


def subprotocol(text: str) -> str:
    """A token (RFC 6455 4.1)."""
    if not TOKEN.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a subprotocol; use letters, digits, dots and hyphens")
    return text


def sent_header_name(text: str) -> str:
    if header_name(text).lower() in RESERVED_HEADERS:
        raise ValueError(f"{quoted(text)} is written by the probe itself; remove it")
    return text


def header_value(text: str) -> str:
    if any((c < " " and c != "\t") or c == "\x7f" for c in text):
        raise ValueError("a line break or control character in a header value; remove it (RFC 9110 5.5)")
    if not text.isascii():
        raise ValueError(f"{quoted(text)} is not ASCII; encode it (RFC 9110 5.5)")
    if text != text.strip():
        raise ValueError(f"{quoted(text)} has space at its ends, which is not sent; remove it")
    return text


def statuses(text: str) -> tuple[int, int]:
    """`200-299`, both ends included."""
    if not _fits(STATUS, text):
        raise ValueError(f"{quoted(text)} is not a range of status codes; write one such as 200-299")
    low, high = int(text[:3]), int(text[4:])
    if low > high or high > 599:
        raise ValueError(f"{quoted(text)} is an empty or impossible range; status codes go from 100 to 599")
    return low, high


def cipher(text: str) -> str:
    """The OpenSSL name of one suite of TLS 1.2 or older, such as ECDHE-RSA-AES128-GCM-SHA256."""
    if not _CIPHER.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not the name of one cipher; write it as `openssl ciphers` does")
    if text.startswith("TLS_"):
        raise ValueError(f"{quoted(text)} is of TLS 1.3, whose suites cannot be chosen; use expect.cipher")
    if text.startswith("AECDH-"):
        raise ValueError(f"{quoted(text)} goes without a certificate, so that nothing is verified; remove it")
    if text.startswith(("DHE-", "EDH-", "DH-", "ADH-")):
        raise ValueError(
            f"{quoted(text)} lets the server choose a group of any size, which holds the agent; remove it"
        )
    return text


def hex_bytes(text: str) -> bytes:
    """Bytes as pairs of hexadecimal digits, with spaces between them or without."""
    try:
        data = bytes.fromhex(text)
    except ValueError as exc:
        raise ValueError(f"{quoted(text)} is not bytes in hexadecimal; write pairs such as 0d 0a") from exc
    if not data:
        raise ValueError("no byte; write at least one pair of hexadecimal digits")
    return data


def alpn(text: str) -> str:
    """A protocol name of RFC 7301 3.1, in printable ASCII."""
    if not text or not text.isascii() or not text.isprintable() or len(text) > 255:
        raise ValueError(f"{quoted(text)} is not a protocol name; write one such as h2 or http/1.1")
    return text


def grpc_service(text: str) -> str:
    """The name of a service, as its health is registered under; usually package.Service."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"{quoted(text)} is not the name of a service; write one such as shop.Orders")
    return text


def absolute_path(text: str) -> str:
    if not text.startswith("/") or "\0" in text:
        raise ValueError(
            f"{quoted(text)} is not an absolute path; agents run in many directories, begin with /"
        )
    return text


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def _within(value: float, text: str, low: float, high: float, least: str, most: str) -> float:
    if not low <= value <= high:
        raise ValueError(f"{text} is out of bounds; use {least} to {most}")
    return value


def port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise ValueError(f"port {text} is out of bounds; use 1 to 65535")
    return number
