"""What a person types beside the rule itself, and the filters of the list."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Department, User

from .editing import LONGEST_NAME, LONGEST_NOTE
from .models import Segment, SegmentQuerySet


class SegmentForm(forms.Form):
    """Name, note and, for roles that serve the whole bank, the department a new segment is for."""

    name = forms.CharField(label=pgettext_lazy("of a segment", "Name"), max_length=LONGEST_NAME)
    note = forms.CharField(label=pgettext_lazy("of a segment", "Note"), max_length=LONGEST_NOTE, required=False)
    department = forms.ModelChoiceField(Department.objects.all(), label=_("Department"), empty_label=None)

    def __init__(self, *args: Any, user: User, segment: Segment | None = None, **kwargs: Any) -> None:
        if segment is not None:
            kwargs["initial"] = {"name": segment.name, "note": segment.note}
        super().__init__(*args, **kwargs)
        if segment is not None or not user.is_bank_wide:
            del self.fields["department"]


SIZES = {
    "s": (_("Below 1,000"), 0, 1_000),
    "m": (_("1,000 to 10,000"), 1_000, 10_000),
    "l": (_("10,000 to 100,000"), 10_000, 100_000),
    "xl": (_("100,000 and more"), 100_000, None),
}
SORTS = {
    "name": F("name").asc(),
    "-name": F("name").desc(),
    "size": F("latest_size").asc(nulls_first=True),
    "-size": F("latest_size").desc(nulls_last=True),
    "changed": F("latest_at").asc(nulls_first=True),
    "-changed": F("latest_at").desc(nulls_last=True),
}


class ListFilter(forms.Form):
    """The filters of the list, as they stand in the URL; what makes no sense is ignored."""

    q = forms.CharField(required=False, max_length=80)
    department = forms.ModelChoiceField(Department.objects.all(), required=False, to_field_name="code")
    owner = forms.ModelChoiceField(User.objects.all(), required=False)
    size = forms.ChoiceField(required=False, choices=[(key, label) for key, (label, _low, _high) in SIZES.items()])
    sort = forms.ChoiceField(required=False, choices=[(key, key) for key in SORTS])

    def narrow(self, found: SegmentQuerySet) -> QuerySet[Segment]:
        self.is_valid()
        given = self.cleaned_data
        if given.get("q"):
            found = found.matching(given["q"])
        if given.get("department"):
            found = found.filter(department=given["department"])
        if given.get("owner"):
            found = found.filter(owner=given["owner"])
        if given.get("size"):
            _label, low, high = SIZES[given["size"]]
            found = found.of_size(low, high)
        return found.order_by(SORTS.get(given.get("sort") or "", SORTS["-changed"]), "pk")
