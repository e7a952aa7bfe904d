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
}
