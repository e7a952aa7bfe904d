"""The fields of the wizard's steps; what they mean is checked by the verbs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaigns.models import Campaign, CampaignState
from customers.models import Product
from marketing.lib import days
from segments.models import Segment

TABS: dict[str, tuple[Any, frozenset[str]]] = {
    "": (_("All"), frozenset(CampaignState)),
    "draft": (_("Drafts"), frozenset({CampaignState.DRAFT, CampaignState.REJECTED})),
    "in_review": (_("In review"), frozenset({CampaignState.IN_REVIEW})),
    "planned": (_("Approved and scheduled"), frozenset({CampaignState.APPROVED, CampaignState.SCHEDULED})),
    "running": (_("Running"), frozenset({CampaignState.RUNNING, CampaignState.PAUSED})),
    "ended": (_("Ended"), frozenset({CampaignState.FINISHED, CampaignState.CANCELLED})),
}
SORTS = {"name": "name", "changed": "changed_at", "time": "scheduled_at", "budget": "budget"}


def searched(query: Any) -> str:
    """Return what was typed into a search box, without what a database cannot hold."""
    return str(query.get("q", "")).replace("\x00", "").strip()[:80]


class ListFilter:
    """The filters of the campaign list, as they stand in the URL; an unknown value filters nothing."""

    def __init__(self, query: Any) -> None:
        self.tab = query.get("tab", "") if query.get("tab", "") in TABS else ""
        self.text = searched(query)
        self.product = query.get("product", "").replace("\x00", "")
        self.mine = query.get("mine") == "1"
        self.sort = query.get("sort", "-changed")

    @property
    def any(self) -> bool:
        return bool(self.tab or self.text or self.product or self.mine)

    def narrow(self, campaigns: QuerySet[Campaign], user: User) -> QuerySet[Campaign]:
        found = campaigns
        if self.text:
            found = found.filter(Q(name__icontains=self.text) | Q(audience__segment__name__icontains=self.text))
        if self.product:
            found = found.filter(product__code=self.product)
        return found.filter(owner=user) if self.mine else found

    def in_tab(self, campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
        found = campaigns.filter(state__in=TABS[self.tab][1]) if self.tab else campaigns
        column = SORTS.get(self.sort.lstrip("-"), "changed_at")
        return found.order_by(f"{'-' if self.sort.startswith('-') else ''}{column}", "-pk")


class BasicsForm(forms.Form):
    name = forms.CharField(
        label=_("Campaign name"),
        max_length=80,
        widget=forms.TextInput(attrs={"autofocus": True, "placeholder": _("Home-improvement loan, run 2")}),
    )
    product = forms.ModelChoiceField(Product.objects.none(), label=_("Product"), empty_label=_("Choose a product"))
    goal_days = forms.IntegerField(
        label=_("Goal: taken up within (days)"),
        min_value=1,
        max_value=180,
        initial=14,
        help_text=_("An opening of the product within these days after the start counts as a conversion."),
    )
    budget = forms.DecimalField(
        label=_("Budget (yuan)"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        required=False,
        help_text=_("A campaign that would cost more cannot be submitted."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        products: Any = self.fields["product"]
        products.queryset = Product.objects.filter(department=user.department, is_active=True)
        products.label_from_instance = lambda product: product.name


class AudienceForm(forms.Form):
    segment = forms.ModelChoiceField(Segment.objects.none(), label=_("Segment"), widget=forms.RadioSelect)
    control_percent = forms.DecimalField(
        label=_("Control group (%)"),
        min_value=0,
        max_value=50,
        decimal_places=1,
        initial=10,
        help_text=_("Left out of every channel by lot, so that the effect can be told from what happens anyway."),
    )
    size_tolerance_percent = forms.IntegerField(
        label=_("Size tolerance (%)"),
        min_value=0,
        max_value=100,
        initial=10,
        help_text=_("If the segment's size differs by more at the start, the campaign goes back to draft."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        segments: Any = self.fields["segment"]
        segments.queryset = Segment.objects.visible_to(user).in_use().filter(department=user.department)


class ContentForm(forms.Form):
    text = forms.CharField(
        label=_("Text"),
        max_length=500,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )


class ScheduleForm(forms.Form):
    when = forms.ChoiceField(
        label=_("Start"),
        choices=[("time", _("At a set time")), ("hand", _("By hand, after approval"))],
        widget=forms.RadioSelect,
    )
    scheduled_at = forms.CharField(
        label=_("Date and time"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["at"] = None
        if cleaned.get("when") == "time":
            cleaned["at"] = self._instant(cleaned.get("scheduled_at", ""))
        return cleaned

    def _instant(self, text: str) -> datetime | None:
        try:
            return days.parse_local(text)
        except ValueError:
            self.add_error("scheduled_at", _t("Choose a date and a time."))
            return None
