"""Confirm the audit chain, or name every entry that was altered, removed or put in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.models import AuditEntry


class Command(BaseCommand):
    help = __doc__
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        broken = list(audit.verify())
        for place in broken:
            self.stdout.write(f"entry {place.number}: {place.reason}")
        if broken:
            raise CommandError(f"{len(broken)} breaks in the chain; the first is entry {broken[0].number}.")
        last = AuditEntry.objects.order_by("-number").first()
        head = bytes(last.digest).hex()[:16] if last else "empty"
        self.stdout.write(f"{last.number if last else 0} entries, every one as it was written; head {head}")
