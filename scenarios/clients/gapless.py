"""gapless: our own sync client, driven through the face that its users see."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from scenarios.client import ClientContext, ClientUnderTest


def factory(context: ClientContext) -> AbstractAsyncContextManager[ClientUnderTest]:
    """The client, for the harness."""
    raise NotImplementedError
