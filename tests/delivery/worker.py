"""A worker process for the tests to kill: sends what is due, its clock running from a given instant."""

import os
import sys
from datetime import datetime

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
django.setup()

from delivery import sender  # noqa: E402
from delivery.models import Gateway  # noqa: E402
from marketing.lib import days  # noqa: E402

start, zero = datetime.fromisoformat(sys.argv[1]), days.now()
sys.stdout.write("ready\n")
sys.stdout.flush()
sender.drain(gateway=Gateway.objects.get(), clock=lambda: start + (days.now() - zero), seconds=60)
