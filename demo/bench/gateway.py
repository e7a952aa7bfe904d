"""The least a gateway can be: takes everything, says so, keeps nothing. A process of its own, no Django in it.

`python -m demo.bench.gateway` prints its port and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).resolve().parents[2]


async def take_many(request: web.Request) -> web.Response:
    """Accept every message of a call."""
    rows = json.loads(await request.read())["messages"]
    said = [{"id": row["id"], "status": "accepted", "provider_id": f"g{row['id']}", "parts": 2} for row in rows]
    return web.Response(body=json.dumps({"results": said}).encode(), content_type="application/json")


async def take_one(request: web.Request) -> web.Response:
    """Accept one message."""
    row = json.loads(await request.read())
    said = {"id": row["id"], "status": "accepted", "provider_id": f"g{row['id']}", "parts": 2}
    return web.Response(body=json.dumps(said).encode(), content_type="application/json")


async def serve() -> None:
    """Answer on a free port of the loopback until standard input ends."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/messages", take_many), web.post("/message", take_one)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextmanager
def running() -> Iterator[str]:
    """Run the gateway beside the block and yield its address."""
    command = [sys.executable, "-m", "demo.bench.gateway"]
    pipe = subprocess.PIPE
    # A session of its own: Ctrl-C is for the bench, whose end closes the pipe.
    with subprocess.Popen(  # noqa: S603 - only what is named here
        command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    ) as child:
        assert child.stdout is not None and child.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        finally:
            child.stdin.close()
            child.wait(timeout=10)


if __name__ == "__main__":
    asyncio.run(serve())
