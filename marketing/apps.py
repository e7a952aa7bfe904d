from django.apps import AppConfig


class MarketingConfig(AppConfig):
    """Owns no tables; installed for its template tags and commands."""

    name = "marketing"

    def ready(self) -> None:
        """Make our Celery application the current one, so that pages can ring the workers."""
        from marketing import celery  # noqa: F401
