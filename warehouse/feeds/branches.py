"""The bank's branches: who sees which customer is decided by them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.models import Branch
from warehouse import catalogue
from warehouse.feeds.kind import Column, Kind, Landing, Prepared

FIELDS = ("name_zh", "name_en", "region", "city")


class Branches(Kind):
    """One row per branch; a branch that is not in the file stays."""

    name = "branches"
    key = ("branch_no",)
    depends_on = ("branches",)
    columns = (
        Column("branch_no", "code", _("Branch"), required=True, aliases=("branch", "code", "网点号", "机构号")),
        Column("name_zh", "text", _("Chinese name"), required=True, aliases=("name", "网点名称", "名称", "机构名称")),
        Column("name_en", "text", _("English name"), aliases=("english_name", "英文名称")),
        Column("region", "text", _("Region"), aliases=("区域", "地区")),
        Column("city", "text", _("City"), aliases=("城市",)),
    )

    def prepare(self, landing: Landing) -> Prepared:
        brought = [name for name in FIELDS if landing.has(name)]
        rows = landing.rows("branch_no", *brought)
        there = {branch.code: branch for branch in Branch.objects.all()}
        changed = [row for row in rows if _differs(there.get(row["branch_no"]), row, brought)]

        def commit() -> None:
            Branch.objects.bulk_create(
                [Branch(code=row["branch_no"], **{name: row[name] or "" for name in brought}) for row in changed],
                update_conflicts=True,
                unique_fields=["code"],
                update_fields=brought,
            )
            catalogue.refresh_branches()

        return Prepared(len(changed), commit)


def _differs(there: Branch | None, row: dict[str, str | None], brought: list[str]) -> bool:
    return there is None or any(getattr(there, name) != (row[name] or "") for name in brought)
