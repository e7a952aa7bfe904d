"""The web application for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
application = get_wsgi_application()

from accounts.people import refuse_demo_users  # noqa: E402 – models exist only now

refuse_demo_users()
