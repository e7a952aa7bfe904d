"""Who works at which branch. People come without a password; an administrator opens the account."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts import people
from accounts.models import Role, User
from warehouse.feeds.kind import Column, Kind, Landing, Prepared, Reference

ROLES = {
    "rm": Role.RM.value,
    "客户经理": Role.RM.value,
    "branch_manager": Role.BRANCH_MANAGER.value,
    "网点主任": Role.BRANCH_MANAGER.value,
    "网点负责人": Role.BRANCH_MANAGER.value,
    "支行行长": Role.BRANCH_MANAGER.value,
}
FIELDS = ("display_name", "branch_id", "department_id")


class Staff(Kind):
    """One row per person. A file can make somebody a relationship or branch manager, and nothing more."""

    name = "staff"
    key = ("staff_no",)
    depends_on = ("staff", "branches")
    permission = "users.edit"
    columns = (
        Column("staff_no", "code", _("Staff number"), required=True, aliases=("employee_no", "工号", "员工号")),
        Column("name", "text", _("Name"), required=True, aliases=("姓名", "员工姓名"), personal=True),
        Column("branch_no", "code", _("Branch"), aliases=("branch", "网点", "网点号", "机构号")),
        Column("role", "choice", _("Role"), required=True, aliases=("角色", "岗位"), choices=ROLES),
        Column("department", "code", _("Department"), aliases=("部门",)),
    )
    references = (
        Reference("branch_no", "branches", "branch_id", "unknown_branch"),
        Reference("department", "departments", "department_id", "unknown_department"),
    )

    def prepare(self, landing: Landing) -> Prepared:
        brought = [
            n for n, source in (("branch_id", "branch_no"), ("department_id", "department")) if landing.has(source)
        ]
        rows = landing.rows("staff_no", "name", "role", *brought)
        there = {user.staff_no: user for user in User.objects.exclude(staff_no=None).prefetch_related("grants")}
        changed = [row for row in rows if _differs(there.get(row["staff_no"]), row)]
        return Prepared(len(changed), lambda: _commit(landing, changed, there))


def _values(row: dict[str, Any]) -> dict[str, Any]:
    return {"display_name": row["name"], **{name: row[name] for name in FIELDS if name in row}}


def _differs(there: User | None, row: dict[str, Any]) -> bool:
    if there is None or row["role"] not in {grant.role for grant in there.grants.all()}:
        return True
    return any(getattr(there, name) != value for name, value in _values(row).items())


def _commit(landing: Landing, changed: list[dict[str, Any]], there: dict[str | None, User]) -> None:
    """Some hundred people at most: one by one, so that each grant has its audit line."""
    for row in changed:
        user = there.get(row["staff_no"])
        if user is None:
            user = User.objects.create_user(row["staff_no"].lower(), staff_no=row["staff_no"], **_values(row))
        else:
            User.objects.filter(pk=user.pk).update(**_values(row))
        people.grant(user=user, role=row["role"], by=landing.by, at=landing.at)
