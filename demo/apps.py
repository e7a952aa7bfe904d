from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo bank, which no part of the product depends on."""

    name = "demo"
    verbose_name = "Demo bank"
