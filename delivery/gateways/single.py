"""The gateway that takes one message per call: the same JSON, POST <url>/message {"id", "phone", "text"}.

A whole batch is under way at once over a limited number of connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from delivery.gateways import Capabilities, Outgoing, Refused, Result, Unclear
from delivery.gateways.http import Batched, HttpLine, result, session
from delivery.models import Gateway

AT_ONCE = 64


class OneByOne(Batched):
    """The kind `http_single`."""

    capabilities = Capabilities(max_batch=500, has_query=True, lag=timedelta(seconds=30))

    @asynccontextmanager
    async def open(self, gateway: Gateway) -> AsyncIterator[HttpLine]:
        async with session(gateway) as web:
            yield SingleLine(gateway, web)


class SingleLine(HttpLine):
    """An open line to one gateway that takes one message per call."""

    async def submit(self, messages: Sequence[Outgoing], *, key: str) -> list[Result]:
        """Hand over messages, each in its own call; a refused call leaves its message `refused` with the code.

        Raises Refused only where every call was refused: then nothing at all was taken.
        """
        refusals: list[Refused] = []
        results: list[Result] = []
        waiting = iter(messages)

        async def lane() -> None:
            for message in waiting:
                results.append(await self._one(message, key, refusals))

        await asyncio.gather(*(lane() for _lane in range(min(AT_ONCE, len(messages)))))
        if refusals and len(refusals) == len(messages):
            raise refusals[0]
        return results

    async def _one(self, message: Outgoing, key: str, refusals: list[Refused]) -> Result:
        body = {"id": message.id, "phone": message.phone, "text": message.text}
        try:
            return result(message.id, await self.call("POST", "/message", body, key=f"{key}-{message.id}"))
        except Refused as refusal:
            refusals.append(refusal)
            return Result(message.id, "refused", refusal.code)
        except Unclear as unclear:
            return Result(message.id, "unknown", unclear.code)
