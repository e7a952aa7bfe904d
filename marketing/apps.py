from django.apps import AppConfig


class MarketingConfig(AppConfig):
    """Owns no tables; installed for its template tags and commands."""

    name = "marketing"
