"""What cryptography raises about hostile DER: it reads a part of a certificate when it is asked for it."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    DuplicateExtension,
    InvalidVersion,
    UnsupportedGeneralNameType,
)
