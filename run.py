#!/usr/bin/env python3
"""Set up and run everything, with nothing but Python 3.11 or newer.

  python3 run.py                  start the demo bank; Ctrl-C stops it, the data stays
  python3 run.py test [pytest …]  the whole test suite on real parts, with a real browser
  python3 run.py check            format, lint, types, import contract, migrations, settings, templates, translations
  python3 run.py bench […]        the measurements, one JSON line each
  python3 run.py manage …         any management command, beside the running services or with servers of its own
  python3 run.py lock             resolve the requirements again and write both lock files

PORT and DATA_DIR say where; with DATABASE_URL or BROKER_URL set, those servers are used instead of the embedded ones.
"""

import os
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python should say so in a sentence
    sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")

from marketing.install import PYTHON, ROOT, install, one_at_a_time, run_pip

RUNTIME, DEVELOPMENT = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
UV = "uv==0.13.9"
COMPILE = [
    "-m",
    "uv",
    "pip",
    "compile",
    "--generate-hashes",
    "--no-header",
    "--python-version=3.11",
    "--quiet",
    "--upgrade",
]
FRONT_END = [["-m", "marketing.frontend"]]
BROWSER = [["-m", "tests.browser.setup"]]
# verb: (needs the development packages, what is set up first, what is run)
VERBS = {
    "up": (False, FRONT_END, ["-m", "marketing.supervisor"]),
    "test": (True, FRONT_END + BROWSER, ["-m", "pytest"]),
    "check": (True, [], ["-m", "marketing.check"]),
    "bench": (True, [], ["-m", "marketing.attach", "bench"]),
    "manage": (False, [], ["-m", "marketing.attach"]),
}


def main() -> None:
    """Set up what the verb needs and become the program that does it."""
    verb, *rest = sys.argv[1:] or ["up"]
    if verb not in (*VERBS, "lock"):
        sys.exit(__doc__)
    os.chdir(ROOT)
    if verb == "lock":
        return lock()
    development, preparations, program = VERBS[verb]
    with one_at_a_time():
        if development:
            install(DEVELOPMENT, also=(RUNTIME,))
        else:
            install(RUNTIME)
        for preparation in preparations:
            if subprocess.run([PYTHON, *preparation]).returncode:
                sys.exit(1)
    os.execv(PYTHON, [str(PYTHON), *program, *rest])


def lock() -> None:
    """Write the lock files again: the newest versions the .in files allow, with the hashes of every file."""
    with one_at_a_time():
        install(DEVELOPMENT, also=(RUNTIME,))
        run_pip("install", "--quiet", UV)
        for source, target, *limits in (
            ("requirements.in", "requirements.txt"),
            ("requirements-dev.in", "requirements-dev.txt", "--constraint", "requirements.txt"),
        ):
            subprocess.run([str(PYTHON), *COMPILE, *limits, source, "--output-file", target], check=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
