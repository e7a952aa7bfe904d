#!/usr/bin/env python
"""Django's command line; `python3 run.py manage …` calls it in the installed environment."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
