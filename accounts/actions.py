"""What each audited action is called. Every action recorded anywhere has its word here (a test holds it)."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, str | Promise] = {
    "accounts.sign_in": _("Signed in"),
    "accounts.grant": _("Granted a role"),
    "accounts.revoke": _("Took a role away"),
    "accounts.open": _("Opened an account"),
    "accounts.close": _("Closed an account"),
    "accounts.token_issue": _("Issued an API token"),
    "accounts.token_revoke": _("Revoked an API token"),
    "campaign.create": _("Created a campaign"),
    "campaign.copy": _("Copied a campaign"),
    "campaign.change": _("Changed a campaign's plan"),
    "campaign.text": _("Changed a campaign's text"),
    "campaign.submit": _("Submitted a campaign"),
    "campaign.withdraw": _("Withdrew a campaign from review"),
    "campaign.approve": _("Approved a campaign"),
    "campaign.return": _("Returned a campaign"),
    "campaign.approval_void": _("An approval became void"),
    "campaign.schedule": _("Scheduled a campaign"),
    "campaign.start": _("Started a campaign"),
    "campaign.pause": _("Paused a campaign"),
    "campaign.resume": _("Resumed a campaign"),
    "campaign.cancel": _("Cancelled a campaign"),
    "campaign.finish": _("Finished a campaign"),
    "segment.create": _("Made a segment"),
    "segment.rename": _("Renamed a segment"),
    "segment.version": _("Saved a rule"),
    "segment.archive": _("Archived a segment"),
    "segment.freeze": _("Froze a snapshot"),
    "reports.export": _("Exported a report"),
}
