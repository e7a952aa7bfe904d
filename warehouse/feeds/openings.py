"""Products taken up, stage by stage, as the core system reports them; results of campaigns are read from these."""

from __future__ import annotations

from django.db import connection
from django.utils.translation import gettext_lazy as _

from customers.models import OpeningStage
from warehouse.feeds.kind import Column, Kind, Landing, Prepared, Reference

STAGES = {
    **{stage.value: stage.value for stage in OpeningStage},
    "申请": "applied",
    "已申请": "applied",
    "审批通过": "approved",
    "已批准": "approved",
    "开户": "opened",
    "放款": "opened",
    "已开通": "opened",
    "办理成功": "opened",
}


class Openings(Kind):
    """One row per stage reached. A stage that is there already stays as it was first reported."""

    name = "openings"
    key = ("opening_no", "stage")
    depends_on = ("customers", "openings", "products")
    columns = (
        Column(
            "opening_no",
            "code",
            _("Opening number"),
            required=True,
            aliases=("reference", "contract_no", "业务编号", "合同号", "申请编号"),
        ),
        Column(
            "customer_no", "code", _("Customer number"), required=True, aliases=("customer_number", "cust_no", "客户号")
        ),
        Column("product", "code", _("Product"), required=True, aliases=("product_code", "产品", "产品代码")),
        Column("stage", "choice", _("Stage"), required=True, aliases=("status", "阶段", "状态"), choices=STAGES),
        Column("at", "time", _("Time"), required=True, aliases=("time", "opened_at", "时间", "日期", "办理时间")),
        Column("amount", "money", _("Amount"), aliases=("金额", "放款金额")),
    )
    references = (
        Reference("customer_no", "customers", "customer_id", "unknown_customer"),
        Reference("product", "products", "product_id", "unknown_product"),
    )

    def prepare(self, landing: Landing) -> Prepared:
        target = landing.work / "openings.csv"
        amount = "CAST(amount AS DECIMAL(16, 2))" if landing.has("amount") else "NULL"
        landing.db.execute(
            f"COPY (SELECT opening_no, stage, customer_id, product_id, \"at\", {amount} FROM good) TO '{target}' "
            "(FORMAT csv, HEADER false)"
        )
        prepared = Prepared(0, lambda: None)

        def commit() -> None:
            prepared.changed = _insert(landing, target)

        prepared.commit = commit
        return prepared


def _insert(landing: Landing, target: object) -> int:
    columns = "reference, stage, customer_id, product_id, at, amount"
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE reached (reference text, stage text, customer_id bigint, product_id bigint, "
            "at timestamptz, amount numeric(16, 2)) ON COMMIT DROP"
        )
        with open(target, "rb") as file, cursor.copy(f"COPY reached ({columns}) FROM STDIN (FORMAT csv)") as copy:  # type: ignore[call-overload]
            while block := file.read(1 << 20):
                copy.write(block)
        cursor.execute(
            f"INSERT INTO customers_opening ({columns}, recorded_at) SELECT {columns}, %s FROM reached "
            "ON CONFLICT (reference, stage) DO NOTHING",
            [landing.at],
        )
        added = cursor.rowcount
        cursor.execute("DROP TABLE reached")
    return added
