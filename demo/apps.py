from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo bank; installed only when DEMO is 1."""

    name = "demo"
