"""How a campaign changes hands and state: who may touch it, and the guarded UPDATE that moves it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.permissions import require
from campaigns import status
from campaigns.models import Campaign, CampaignState
from marketing.lib.errors import MoveRefused


def locked(campaign: Campaign, *, by: User | None, permission: str) -> Campaign:
    """Return the campaign as it stands now, locked, for somebody who may do this to it; inside a transaction.

    `by` None is the system itself. Raises Campaign.DoesNotExist for a foreign campaign and PermissionDenied for a
    person whose role or department does not allow it.
    """
    rows = Campaign.objects.select_for_update(of=("self",)).select_related("product", "audience__segment", "department")
    if by is None:
        return rows.get(pk=campaign.pk)
    require(by, permission)
    current = rows.visible_to(by).get(pk=campaign.pk)
    if current.department_id != by.department_id:
        raise PermissionDenied(_("This campaign belongs to another department."))
    return current


def move(campaign: Campaign, to: str, **columns: Any) -> None:
    """Move the campaign to a state, if the state it is in now allows it; raise MoveRefused otherwise."""
    moved = Campaign.objects.filter(pk=campaign.pk, state__in=status.sources(to)).update(state=to, **columns)
    was = CampaignState(Campaign.objects.values_list("state", flat=True).get(pk=campaign.pk))
    if moved != 1:
        raise MoveRefused(
            _("The campaign is now in state “%(now)s”, so this is not possible. Nothing was changed; reload the page.")
            % {"now": was.label}
        )
    campaign.state = to
    for column, value in columns.items():
        setattr(campaign, column, value)
