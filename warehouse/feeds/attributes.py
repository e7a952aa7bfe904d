"""Month-end attributes: history for training, and later values of what a customers file began."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from warehouse.feeds import facts
from warehouse.feeds.kind import Column, Kind, Landing, Prepared, Reference


class Attributes(Kind):
    """One row per customer, true for the last day of a month; customers must be in the register."""

    name = "attributes"
    takes_attributes = True
    key = ("customer_no",)
    depends_on = ("customers", "attributes")
    columns = (
        Column(
            "customer_no",
            "code",
            _("Customer number"),
            required=True,
            aliases=("customer_number", "cust_no", "cust_id", "client_no", "客户号", "客户编号"),
        ),
    )
    references = (Reference("customer_no", "customers", "customer_id", "unknown_customer"),)

    def prepare(self, landing: Landing) -> Prepared:
        attributes = "".join(f', g."{column.name}"' for column in landing.attributes)
        landing.db.execute(
            f"CREATE OR REPLACE VIEW facts AS SELECT g.customer_id, c.branch_id, c.branch{attributes} "
            "FROM good g JOIN customers c ON c.code = g.customer_no"
        )
        found = facts.prepare(landing, keep_others=False)
        changed = landing.one("SELECT count(*) FROM changed_facts")
        return Prepared(changed, lambda: found.announce(landing))
