"""The catalogue of attributes: what each column of the wide table means, and which columns may never become one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import Branch, User
from accounts.permissions import require
from marketing.lib.errors import UserError
from marketing.lib.labels import in_language
from warehouse.models import Attribute, AttributeType, Sensitivity

RESERVED = frozenset({"customer_id", "branch_id", "as_of"})
# Names of columns that name a person: the warehouse holds none of it, whatever a column is called in the file.
PRIVATE = re.compile(
    r"^(customer_|client_|full_|first_|last_)?name$|surname|(^|_)(phone|mobile|tel|telephone|e?mail|passport|wechat)(_|$)"
    r"|(^|_)address(_|$)"
    r"|customer_(no|number)|(^|_)id_?(no|number|card)|(account|card)_(no|number)"
    r"|姓名|手机|电话|身份证|证件|护照|邮箱|邮件|地址|住址|微信|卡号|账号|客户号|客户编号"
)

CALL_ONLY = _("It is known only after the call, so a rule or a model that used it would look into the future.")
OUTCOME_ONLY = _("It is the outcome itself; load outcomes as an openings file instead.")
PERSONAL = _("It is personal data, which is never kept as an attribute.")
REFUSED = {
    "duration": CALL_ONLY,
    "call_duration": CALL_ONLY,
    "talk_time": CALL_ONLY,
    "通话时长": CALL_ONLY,
    "y": OUTCOME_ONLY,
    "converted": OUTCOME_ONLY,
    "是否转化": OUTCOME_ONLY,
}


@dataclass(frozen=True)
class Known:
    """An attribute that most banks have: its labels, type and choices, and the column names it goes by."""

    key: str
    label_zh: str
    label_en: str
    type: str
    group_zh: str = ""
    group_en: str = ""
    unit: str = ""
    sensitivity: str = Sensitivity.NORMAL
    allowed_in_text: bool = False
    choices: list[dict[str, str]] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    low: float | None = None
    high: float | None = None


@cache
def known() -> dict[str, Known]:
    """Return the attributes whose names, types and labels come with the product, by key."""
    rows = json.loads(Path(__file__).with_name("known_attributes.json").read_text("utf-8"))
    return {row["key"]: Known(**row) for row in rows}


def normal(name: str) -> str:
    """Return a column's name as it is compared: lower case, spaces and punctuation as one underscore."""
    return re.sub(r"[\s\-_./()（）]+", "_", name.strip().lower()).strip("_")


@cache
def _aliases() -> dict[str, str]:
    return {normal(alias): k.key for k in known().values() for alias in (k.key, k.label_zh, k.label_en, *k.aliases)}


def guess(column: str) -> str:
    """Return the key of the known or existing attribute that the column's name means, or the empty text."""
    name = normal(column)
    if name in _aliases():
        return _aliases()[name]
    return next((a.key for a in Attribute.objects.in_use() if name in map(normal, (a.key, a.label_zh, a.label_en))), "")


def refusal(column: str) -> str:
    """Return why a column may not become an attribute, or the empty text."""
    if PRIVATE.search(normal(column)):
        return str(PERSONAL)
    return str(REFUSED.get(normal(column), ""))


def key_for(column: str) -> str:
    """Return a key for a new attribute made from the column's name; of a Chinese name a short, lasting digest."""
    key = slugify(normal(column)).replace("-", "_")[:60]
    if re.fullmatch(r"[a-z][a-z0-9_]*", key) and normal(column).isascii():
        return key
    return "c_" + hashlib.sha256(normal(column).encode()).hexdigest()[:8]


def check_key(key: str, *labels: str) -> None:
    """Raise UserError unless the key, under these labels, may name a column of the warehouse: no personal data."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", key):
        raise UserError(_("Use small Latin letters, digits and underscores for the key, beginning with a letter."))
    if key in RESERVED:
        raise UserError(_("“%(key)s” is used by the system; choose another key.") % {"key": key})
    for name in (key, *labels):
        if reason := refusal(name):
            raise UserError(_("“%(key)s” cannot be an attribute. %(reason)s") % {"key": name, "reason": reason})


def create(*, key: str, label_zh: str, type: str, by: User | None, at: datetime, **more: Any) -> Attribute:
    """Add an attribute; `more` takes label_en, group_zh, group_en, unit, choices, sensitivity, owner."""
    if by is not None:
        require(by, "feeds.load")
    check_key(key, label_zh, more.get("label_en", ""))
    if Attribute.objects.filter(key=key).exists():
        raise UserError(_("There is an attribute “%(key)s” already; map the column to it.") % {"key": key})
    with transaction.atomic():
        made = Attribute.objects.create(
            key=key, label_zh=label_zh or key, type=AttributeType(type), created_at=at, **more
        )
        audit.record(action="attribute.create", by=by, at=at, on=made, detail={"key": key, "type": type})
    return made


def ensure(keys: Iterable[str], *, by: User | None, at: datetime) -> list[Attribute]:
    """Add those of the known attributes that are not in the catalogue yet; return the added ones."""
    wanted = set(keys) & set(known())
    there = set(Attribute.objects.filter(key__in=wanted).values_list("key", flat=True))
    order = [k for k in known() if k in wanted - there]
    added = Attribute.objects.bulk_create(Attribute(created_at=at, **_columns(known()[key])) for key in order)
    for attribute in added:
        audit.record(action="attribute.create", by=by, at=at, on=attribute, detail={"key": attribute.key})
    return added


def _columns(attribute: Known) -> dict[str, Any]:
    return {name: value for name, value in vars(attribute).items() if name not in ("aliases", "low", "high")}


def refresh_branches() -> None:
    """Let the choices of the attribute “branch” be the branches that exist."""
    choices = [
        {"value": branch.code, "label_zh": branch.name_zh, "label_en": branch.name_en}
        for branch in Branch.objects.order_by("code")
    ]
    Attribute.objects.filter(key="branch").update(choices=choices)


def choice_label(choice: dict[str, str]) -> str:
    """Return a choice's word in the active language."""
    return in_language(choice.get("label_zh", ""), choice.get("label_en", "")) or choice["value"]


def add_choices(key: str, values: Iterable[str]) -> None:
    """Add the values that a choice attribute did not know yet, under their own names."""
    attribute = Attribute.objects.filter(key=key).first()
    if attribute is None or attribute.type != AttributeType.CHOICE:
        return
    there = {choice["value"] for choice in attribute.choices}
    added = [{"value": value, "label_zh": value, "label_en": value} for value in values if value not in there]
    if added:
        Attribute.objects.filter(pk=attribute.pk).update(choices=attribute.choices + added)


def retire(*, attribute: Attribute, by: User, at: datetime) -> None:
    """Take an attribute out of use: rules that name it say so, later files no longer bring it."""
    require(by, "feeds.load")
    with transaction.atomic():
        if not Attribute.objects.in_use().filter(pk=attribute.pk).update(retired_at=at):
            raise UserError(_("“%(label)s” is out of use already.") % {"label": attribute.label})
        audit.record(action="attribute.retire", by=by, at=at, on=attribute, detail={"key": attribute.key})
