"""Regular expressions of checks, in the language of RE2: the time for a text grows with its length alone.

A target chooses the text. Python's own `re` would try every way to read it: `(a+)+$` over 40 letters takes
hours, and the agent stands still.
"""

import re
from typing import Any, Final

# What a text can make of a pattern at worst is one step for each of these at every byte.
MAX_PROGRAM: Final = 2000
_ONE_BYTE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\C")
_MISSING: Final = {
    "invalid perl operator: (?": "RE2 has no lookaround and no atomic groups; its flags are i, m, s and U",
    "invalid escape sequence: \\Z": "the end of the text is \\z",
    "invalid escape sequence: \\": "RE2 has no backreferences, and \\x{1F600} for \\u and \\N",
    "bad repetition operator": "RE2 has no possessive quantifiers",
    "invalid repetition size": "counts go up to 1000 in all, the smaller one first",
}


def compiled(text: str, *, captures: bool = False) -> Any:
    """A pattern of re2 that searches in UTF-8.

    Without *captures* groups only group, which is much cheaper in long texts.
    Raises ValueError, which says what is wrong and what to do.
    """
    # 2.6 MiB: only for those who have patterns.
    import re2  # type: ignore[import-untyped,unused-ignore]

    options: Any = re2.Options()
    options.log_errors = False
    options.never_capture = not captures
    try:
        made = re2.compile(text.encode(), options)
    except UnicodeEncodeError as exc:
        raise ValueError("half of a surrogate pair; write the character") from exc
    except re2.error as exc:
        why = exc.args[0].decode("utf-8", "replace")
        told = next((told for start, told in _MISSING.items() if why.startswith(start)), None)
        raise ValueError(f"{why}; {told or 'mend the pattern'}") from exc
    if _ONE_BYTE.search(text):
        raise ValueError("\\C is half a character; mend the pattern")
    steps = size(made)
    if steps > MAX_PROGRAM:
        raise ValueError(f"{steps} steps long when compiled, {MAX_PROGRAM} are allowed; repeat less often")
    return made


def size(made: Any) -> int:
    """Steps of a pattern that `compiled` gave, whether it is read forwards or backwards."""
    return max(int(made.programsize), int(made.reverseprogramsize))
