"""What customers agreed to: answers are kept for ever, the newest one counts, and a suppression outlives them all."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import User
from accounts.permissions import require
from customers.models import Channel, Customer, Suppression
from marketing.lib.errors import UserError

# Consent nobody gave on purpose is no consent: the box was ticked already, or it came with another contract.
NOT_FREELY_GIVEN = frozenset({"default", "bundled", "preticked", "implied", "默认", "默认同意", "捆绑", "概括授权"})

ANSWERS = "customer_id, channel, granted, source, text_version, given_at, expires_at"


def record(answers: Path, *, at: datetime) -> int:
    """Add the answers of a CSV file (no header: customer id, channel, granted, source, text, given, expires).

    An answer that is there already is skipped. Of a customer's answers on a channel the latest given is current, a
    refusal before a consent of the same instant; an older answer never replaces a newer one. Suppressions stay.
    Returns how many were added.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE answers (customer_id bigint, channel text, granted boolean, source text, "
            "text_version text, given_at timestamptz, expires_at timestamptz) ON COMMIT DROP"
        )
        with answers.open("rb") as file, cursor.copy(f"COPY answers ({ANSWERS}) FROM STDIN (FORMAT csv)") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        _lock_customers(cursor)
        added = _insert(cursor, at)
        cursor.execute("DROP TABLE answers")
    return added


def _lock_customers(cursor) -> None:  # type: ignore[no-untyped-def]
    """Two files about the same customers one after the other: which answer is the newest must be clear."""
    cursor.execute(
        "SELECT c.id FROM customers_customer c WHERE c.id IN (SELECT customer_id FROM answers) ORDER BY c.id "
        "FOR NO KEY UPDATE"
    )


def _insert(cursor, at: datetime) -> int:  # type: ignore[no-untyped-def]
    cursor.execute(
        """
        CREATE TEMP TABLE fresh ON COMMIT DROP AS
        SELECT *, row_number() OVER (PARTITION BY customer_id, channel ORDER BY given_at DESC, granted) AS newest
        FROM (SELECT DISTINCT ON (customer_id, channel, given_at, granted) * FROM answers) a
        WHERE NOT EXISTS (
            SELECT FROM customers_consent c WHERE c.customer_id = a.customer_id AND c.channel = a.channel
            AND c.given_at = a.given_at AND c.granted = a.granted)
        """
    )
    cursor.execute(
        """
        UPDATE customers_consent c SET replaced_at = %s FROM fresh f
        WHERE f.newest = 1 AND c.customer_id = f.customer_id AND c.channel = f.channel AND c.replaced_at IS NULL
        AND (f.given_at > c.given_at OR (f.given_at = c.given_at AND c.granted AND NOT f.granted))
        """,
        [at],
    )
    cursor.execute(
        """
        INSERT INTO customers_consent
            (customer_id, channel, granted, source, text_version, given_at, expires_at, recorded_at, replaced_at)
        SELECT f.customer_id, f.channel, f.granted, f.source, coalesce(f.text_version, ''), f.given_at, f.expires_at,
            %s, CASE WHEN f.newest = 1 AND c.id IS NULL THEN NULL ELSE %s END
        FROM fresh f LEFT JOIN customers_consent c
            ON c.customer_id = f.customer_id AND c.channel = f.channel AND c.replaced_at IS NULL
        """,
        [at, at],
    )
    added = cursor.rowcount
    cursor.execute("DROP TABLE fresh")
    return added


def suppress(*, customer: Customer, channel: str, reason: str, by: User | None, at: datetime) -> Suppression:
    """Never contact the customer on the channel again, whatever is imported or campaigned later.

    `by` is None where the customer asked by a reply or the gateway reported it. Asking twice changes nothing.
    """
    if by is not None:
        require(by, "customers.suppress")
    if channel not in Channel.values:
        raise UserError(_("Choose the channel on which the customer must not be contacted."))
    with transaction.atomic():
        made, new = Suppression.objects.get_or_create(
            customer=customer, channel=channel, defaults={"reason": reason[:40], "at": at, "by": by}
        )
        if new:
            audit.record(
                action="customer.suppress",
                by=by,
                at=at,
                on=customer,
                detail={"channel": channel, "reason": reason[:40]},
            )
    return made
