"""The regular expressions of checks, compiled once. They come from the operator, never from a target."""

import re
from functools import lru_cache

# The module's own cache holds 512 patterns and then starts to forget; an agent may have thousands of checks.
compiled = lru_cache(maxsize=8192)(re.compile)
