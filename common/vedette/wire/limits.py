"""Every bound of the wire contract, in one place. A message beyond one of them is refused, never cut."""

VERSION = 1

MAX_PAYLOAD_BYTES = 256 * 1024  # as published, compressed or not
MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + 4096  # the payload, and room for topic and properties
MAX_DECODED_BYTES = 1024 * 1024  # after decompression
MAX_WINDOW_BYTES = 1024 * 1024  # zstd window a decoder may be asked to allocate
MAX_BATCH_RESULTS = 1000
MAX_SEQ = 2**53 - 1  # exact in every JSON reader
MAX_TIME_US = 2**53 - 1  # year 2255
MAX_DURATION_US = 3_600_000_000  # one hour: no probe may take longer
MAX_TAGS = 32
MAX_TAG_TEXT = 128
MAX_TEXT = 256  # characters: detail texts, names, certificate fields
MAX_ANSWERS = 32
MAX_ANSWER_TEXT = 512
MAX_STEPS = 24  # questions of a trace that are told
MAX_SERVERS = 32  # name servers of a zone, once for each address
MAX_ZONES = 16  # of a chain of trust
MAX_HOPS = 30  # of a path
MAX_EPOCHS = 16  # in one ack, and in one heartbeat
MAX_RUNS = 64  # of one epoch in an ack
MAX_GAPS = 16  # in one heartbeat; the others follow when these are acknowledged
MAX_ASKED = 32  # checks in one ask
MAX_ASK_BYTES = 8 * 1024  # of one ask, as JSON text and as published: so many names of any length fit
MAX_REASONS = 32  # in one count by reason
MAX_EVIDENCE_BYTES = 64 * 1024  # of one evidence record, as JSON text and as published
MAX_NOTES = 64  # in one evidence record
MAX_NOTE_BYTES = 16 * 1024  # of one note: most certificates fit
MAX_EVENT = 40  # characters of a note's event

BATCH_RESULTS = 100  # a sender flushes at this many results,
BATCH_BYTES = 64 * 1024  # or this many encoded bytes,
BATCH_SECONDS = 1.0  # or this age; a change of state flushes at once
COMPRESS_ABOVE_BYTES = 1024
EVIDENCE_EXPIRY_SECONDS = 300  # the broker drops what nobody fetched by then
LIVE_EXPIRY_SECONDS = 60  # a batch older than this travels in the replay lane
HEARTBEAT_SECONDS = 10.0
PARTS = 64

# \Z and not $, which would let a final line break through.
AGENT_NAME = r"^[a-z0-9][a-z0-9-]{1,30}[a-z0-9]\Z"  # also MQTT client id, user name and certificate CN
# Up to two suffixes: what tells apart the checks that one written check stands for (`web:google:ipv6`).
CHECK_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(:[A-Za-z0-9._-]{1,63}){0,2}\Z"
EPOCH = r"^[0-9a-f]{32}\Z"
TAG_NAME = r"^[a-z_][a-z0-9_]{0,31}\Z"  # a Prometheus label name
