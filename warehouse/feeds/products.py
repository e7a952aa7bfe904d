"""What the bank offers; an opening and a campaign name one of these."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from customers.models import Product, ProductKind
from warehouse.feeds.kind import Column, Kind, Landing, Prepared, Reference

KINDS = {
    **{kind.value: kind.value for kind in ProductKind},
    "贷款": "loan",
    "信用卡": "card",
    "服务": "service",
    "理财": "wealth",
}


class Products(Kind):
    """One row per product; a product that is not in the file stays."""

    name = "products"
    key = ("code",)
    depends_on = ("products",)
    columns = (
        Column(
            "code", "code", _("Product"), required=True, aliases=("product", "product_code", "产品代码", "产品编号")
        ),
        Column("name_zh", "text", _("Chinese name"), required=True, aliases=("name", "产品名称", "名称")),
        Column("name_en", "text", _("English name"), aliases=("english_name", "英文名称")),
        Column("department", "code", _("Department"), required=True, aliases=("部门",)),
        Column("kind", "choice", _("Kind"), required=True, aliases=("type", "类别", "产品类别"), choices=KINDS),
        Column("annual_rate", "text", _("Annual rate as disclosed"), aliases=("rate", "年化利率")),
    )
    references = (Reference("department", "departments", "department_id", "unknown_department"),)

    def prepare(self, landing: Landing) -> Prepared:
        brought = [name for name in ("name_zh", "name_en", "kind", "annual_rate") if landing.has(name)]
        rows = landing.rows("code", "department_id", *brought)
        there = {product.code: product for product in Product.objects.all()}
        changed = [row for row in rows if _differs(there.get(row["code"]), row)]

        def commit() -> None:
            Product.objects.bulk_create(
                [Product(**{name: "" if value is None else value for name, value in row.items()}) for row in changed],
                update_conflicts=True,
                unique_fields=["code"],
                update_fields=["department_id", *brought],
            )

        return Prepared(len(changed), commit)


def _differs(there: Product | None, row: dict[str, Any]) -> bool:
    return there is None or any(getattr(there, name) != ("" if value is None else value) for name, value in row.items())
