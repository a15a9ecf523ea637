"""The types of request parameters and bodies.

They validate as the real server does, so that a 422 names the same types and fields.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

_LATER: Final = ConfigDict(defer_build=True)  # when the first request is validated


class Order(StrEnum):
    """The order of a search: from the head of the log, or from its tail."""

    TIMESTAMP = "TIMESTAMP"
    TIMESTAMP_DESC = "TIMESTAMP_DESC"


class TextContent(BaseModel):
    """A text part of a message."""

    model_config = _LATER

    type: Literal["text"] = "text"
    text: str


class ImageContent(BaseModel):
    """An image part of a message. The simulated agent ignores it."""

    model_config = _LATER

    type: Literal["image"] = "image"
    image_urls: list[str]


class SentMessage(BaseModel):
    """A message from a client. run: whether it also starts a run."""

    model_config = _LATER

    role: Literal["user", "system", "assistant", "tool"] = "user"
    content: list[TextContent | ImageContent] = Field(default_factory=list)
    run: bool = False


ID: TypeAdapter[Any] = TypeAdapter(UUID, config=_LATER)
LIMIT: TypeAdapter[Any] = TypeAdapter(Annotated[int, Field(gt=0, le=100)], config=_LATER)
ORDER: TypeAdapter[Any] = TypeAdapter(Order, config=_LATER)
TIME: TypeAdapter[Any] = TypeAdapter(datetime, config=_LATER)
MESSAGE: TypeAdapter[Any] = TypeAdapter(SentMessage)
