"""Shape and word of every state a person may see; the colour is the class `s-<state>`."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy


class Look(NamedTuple):
    icon: str
    word: str | Promise


STATES: dict[str, Look] = {
    # campaigns
    "draft": Look("circle-dashed", pgettext_lazy("state", "Draft")),
    "in_review": Look("circle-half-2", pgettext_lazy("state", "In review")),
    "approved": Look("circle-check", pgettext_lazy("state", "Approved")),
    "scheduled": Look("clock", pgettext_lazy("state", "Scheduled")),
    "running": Look("f:player-play", pgettext_lazy("state", "Running")),
    "paused": Look("f:player-pause", pgettext_lazy("state", "Paused")),
    "finished": Look("f:circle-check", pgettext_lazy("state", "Finished")),
    "rejected": Look("arrow-back-up", pgettext_lazy("state", "Sent back")),
    "cancelled": Look("circle-x", pgettext_lazy("state", "Cancelled")),
    # messages
    "planned": Look("clock", pgettext_lazy("state", "Planned")),
    "held": Look("hourglass", pgettext_lazy("state", "Held")),
    "excluded": Look("filter-off", pgettext_lazy("state", "Excluded")),
    "submitting": Look("loader-2", pgettext_lazy("state", "Submitting")),
    "unknown": Look("help-circle", pgettext_lazy("state", "Not known yet")),
    "accepted": Look("check", pgettext_lazy("state", "Accepted by gateway")),
    "delivered": Look("checks", pgettext_lazy("state", "Delivered")),
    "failed": Look("alert-circle", pgettext_lazy("state", "Failed")),
    "expired": Look("clock-x", pgettext_lazy("state", "Expired")),
    # leads
    "new": Look("circle-dashed", pgettext_lazy("state", "New")),
    "assigned": Look("user-check", pgettext_lazy("state", "Assigned")),
    "in_progress": Look("phone-call", pgettext_lazy("state", "In progress")),
    "returned": Look("arrow-back-up", pgettext_lazy("state", "Returned")),
    "suppressed": Look("ban", pgettext_lazy("state", "Suppressed")),
    # jobs, feed runs, snapshots
    "uploaded": Look("file-import", pgettext_lazy("state", "Uploaded")),
    "queued": Look("clock", pgettext_lazy("state", "Queued")),
    "done": Look("f:circle-check", pgettext_lazy("state", "Done")),
    # approvals and gateways
    "pending": Look("clock", pgettext_lazy("state", "Waiting")),
    "withdrawn": Look("arrow-back-up", pgettext_lazy("state", "Withdrawn")),
    "voided": Look("circle-x", pgettext_lazy("state", "Voided by a change")),
    "healthy": Look("circle-check", pgettext_lazy("state", "Healthy")),
    "degraded": Look("alert-triangle", pgettext_lazy("state", "Degraded")),
    "down": Look("alert-circle", pgettext_lazy("state", "Down")),
    # things that are switched on or off
    "active": Look("circle-check", pgettext_lazy("state", "Active")),
    "retired": Look("archive", pgettext_lazy("state", "Retired")),
    "late": Look("clock-exclamation", pgettext_lazy("state", "Late")),
    "missing": Look("database-off", pgettext_lazy("state", "Missing")),
}
