"""What a request may say, checked as the real server does: its complaints name these types and fields."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter


class Order(StrEnum):
    """Which end of the log a search begins at."""

    TIMESTAMP = "TIMESTAMP"
    TIMESTAMP_DESC = "TIMESTAMP_DESC"


class TextContent(BaseModel):
    """Words."""

    type: Literal["text"] = "text"
    text: str


class ImageContent(BaseModel):
    """Pictures; a simulated agent does not look at them."""

    type: Literal["image"] = "image"
    image_urls: list[str]


class SentMessage(BaseModel):
    """A message, and whether it starts a run."""

    role: Literal["user", "system", "assistant", "tool"] = "user"
    content: list[TextContent | ImageContent] = Field(default_factory=list)
    run: bool = False


ID: TypeAdapter[Any] = TypeAdapter(UUID)
LIMIT: TypeAdapter[Any] = TypeAdapter(Annotated[int, Field(gt=0, le=100)])
ORDER: TypeAdapter[Any] = TypeAdapter(Order)
TIME: TypeAdapter[Any] = TypeAdapter(datetime)
MESSAGE: TypeAdapter[Any] = TypeAdapter(SentMessage)
