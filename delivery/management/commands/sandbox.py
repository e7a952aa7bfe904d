"""Run the sandbox gateway on this machine."""

import asyncio
import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections

from delivery.gateway_setup import SANDBOX
from delivery.models import Gateway
from delivery.sandbox import Account, Sandbox, serve
from marketing.lib import crypto

FRESH = 5.0  # seconds after which the account is read again


class Command(BaseCommand):
    help = "Runs a gateway that sends nothing: it accepts, posts receipts and replies, and can misbehave on request."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8901, help="0 takes a free port")
        parser.add_argument("--notify", required=True, help="address of the application, for receipts and replies")
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--delay", type=float, nargs=2, default=(0.3, 2.0), metavar=("FROM", "TO"))

    def handle(self, *args: Any, port: int, notify: str, seed: int, delay: tuple[float, float], **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The sandbox gateway runs in the demo only (DEMO=1).")
        sandbox = Sandbox(account=Accounts().current, notify=notify, seed=seed, delay=(delay[0], delay[1]))
        asyncio.run(self._serve(sandbox, port))

    async def _serve(self, sandbox: Sandbox, port: int) -> None:
        serving = asyncio.create_task(serve(sandbox, port=port, ready=self._say))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, serving.cancel)
        await asyncio.wait([serving])

    def _say(self, port: int) -> None:
        self.stdout.write(f"sandbox gateway on http://127.0.0.1:{port}")
        self.stdout.flush()


class Accounts:
    """The sandbox's row in the gateways, read again every few seconds in a thread: it may be made after the start."""

    def __init__(self) -> None:
        self.account: Account | None = None
        threading.Thread(target=self._watch, daemon=True, name="accounts").start()

    def current(self) -> Account | None:
        return self.account

    def _watch(self) -> None:
        while True:
            self.account = self._read() or self.account
            time.sleep(FRESH if self.account else 0.2)

    def _read(self) -> Account | None:
        try:
            close_old_connections()
            row = Gateway.objects.filter(code=SANDBOX).first()
        except DatabaseError:
            return None  # not migrated yet, or the database restarts
        secret = row and crypto.decrypt(row.secret_sealed, field="gateway.secret")
        return Account(secret.encode(), row.callback_path) if row and secret else None
