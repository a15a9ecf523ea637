"""The types of request parameters and bodies.

They validate as the real server does, so that a 422 names the same types and fields.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter


class Order(StrEnum):
    """The order of a search: from the head of the log, or from its tail."""

    TIMESTAMP = "TIMESTAMP"
    TIMESTAMP_DESC = "TIMESTAMP_DESC"


class TextContent(BaseModel):
    """A text part of a message."""

    type: Literal["text"] = "text"
    text: str


class ImageContent(BaseModel):
    """An image part of a message. The simulated agent ignores it."""

    type: Literal["image"] = "image"
    image_urls: list[str]


class SentMessage(BaseModel):
    """A message from a client. run: whether it also starts a run."""

    role: Literal["user", "system", "assistant", "tool"] = "user"
    content: list[TextContent | ImageContent] = Field(default_factory=list)
    run: bool = False


ID: TypeAdapter[Any] = TypeAdapter(UUID)
LIMIT: TypeAdapter[Any] = TypeAdapter(Annotated[int, Field(gt=0, le=100)])
ORDER: TypeAdapter[Any] = TypeAdapter(Order)
TIME: TypeAdapter[Any] = TypeAdapter(datetime)
MESSAGE: TypeAdapter[Any] = TypeAdapter(SentMessage)
