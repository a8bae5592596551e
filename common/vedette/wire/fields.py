"""The bounded texts and numbers that messages are made of."""

from typing import Annotated

from msgspec import Meta, Struct

from vedette.wire import limits

AgentName = Annotated[str, Meta(pattern=limits.AGENT_NAME, max_length=32)]


CheckName = Annotated[str, Meta(pattern=limits.CHECK_NAME, max_length=191)]


Epoch = Annotated[str, Meta(pattern=limits.EPOCH, max_length=32)]


Seq = Annotated[int, Meta(ge=0, le=limits.MAX_SEQ)]


TimeUs = Annotated[int, Meta(ge=0, le=limits.MAX_TIME_US)]


DurationUs = Annotated[int, Meta(ge=0, le=limits.MAX_DURATION_US)]


OffsetUs = Annotated[int, Meta(ge=-limits.MAX_TIME_US, le=limits.MAX_TIME_US)]


Text = Annotated[str, Meta(max_length=limits.MAX_TEXT)]


AnswerText = Annotated[str, Meta(max_length=limits.MAX_ANSWER_TEXT)]


Code = Annotated[str, Meta(max_length=40, pattern=r"^[a-z_]+(\.[a-z_]+)?\Z")]


EventName = Annotated[str, Meta(max_length=limits.MAX_EVENT, pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)?\Z")]


NoteText = Annotated[str, Meta(max_length=limits.MAX_NOTE_BYTES)]


NoteBytes = Annotated[bytes, Meta(max_length=limits.MAX_NOTE_BYTES)]


Count = Annotated[int, Meta(ge=0, le=limits.MAX_SEQ)]


TagName = Annotated[str, Meta(pattern=limits.TAG_NAME)]


TagValue = Annotated[str, Meta(max_length=limits.MAX_TAG_TEXT)]


Tags = Annotated[dict[TagName, TagValue], Meta(max_length=limits.MAX_TAGS)]


class Message(Struct, frozen=True, omit_defaults=True):
    pass
