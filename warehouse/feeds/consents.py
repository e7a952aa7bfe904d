"""Consents and refusals, with the evidence; a consent that nobody gave on purpose is not taken."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from customers import consent
from customers.models import Channel
from warehouse.feeds.checking import text
from warehouse.feeds.kind import Column, Kind, Landing, Prepared, Reference

CHANNELS = {
    **{channel.value: channel.value for channel in Channel},
    "短信": "sms",
    "推送": "push",
    "app推送": "push",
    "电话": "call",
    "外呼": "call",
    "phone": "call",
}


class Consents(Kind):
    name = "consents"
    depends_on = ("customers", "consents")
    columns = (
        Column(
            "customer_no", "code", _("Customer number"), required=True, aliases=("customer_number", "cust_no", "客户号")
        ),
        Column("channel", "choice", _("Channel"), required=True, aliases=("渠道",), choices=CHANNELS),
        Column("granted", "boolean", _("Granted"), required=True, aliases=("consent", "agreed", "是否同意", "同意")),
        Column("source", "text", _("Source"), required=True, aliases=("origin", "来源", "授权来源")),
        Column("text_version", "text", _("Version of the text"), aliases=("version", "文本版本", "授权文本版本")),
        Column("at", "time", _("Given at"), required=True, aliases=("given_at", "time", "时间", "授权时间")),
        Column("expires_at", "time", _("Expires at"), aliases=("expiry", "到期时间", "失效时间")),
    )
    references = (Reference("customer_no", "customers", "customer_id", "unknown_customer"),)

    def check(self, landing: Landing) -> None:
        """Reject consents by default or bundled with something else; a refusal counts however it came."""
        sources = ", ".join(text(source) for source in sorted(consent.NOT_FREELY_GIVEN))
        landing.db.execute(
            "INSERT INTO rejects SELECT line, 'source', 'not_freely_given', left(source, 60), '' FROM good "
            f"WHERE granted AND lower(source) IN ({sources})"
        )

    def prepare(self, landing: Landing) -> Prepared:
        target = landing.work / "answers.csv"
        version = "left(text_version, 40)" if landing.has("text_version") else "NULL"
        expires = "expires_at" if landing.has("expires_at") else "NULL"
        landing.db.execute(
            f'COPY (SELECT customer_id, channel, granted, left(source, 40), {version}, "at", {expires} FROM good) '
            f"TO '{target}' (FORMAT csv, HEADER false)"
        )
        prepared = Prepared(0, lambda: None)

        def commit() -> None:
            prepared.changed = consent.record(target, at=landing.at)

        prepared.commit = commit
        return prepared
