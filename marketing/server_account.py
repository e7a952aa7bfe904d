"""The account PostgreSQL's programs run as: they refuse root, and root is what many containers give us."""

import contextlib
import os
import subprocess
from functools import cache
from pathlib import Path

from marketing.processes import NotReady

NOBODY = 65534
# Changing accounts makes the kernel forget the tie to the parent process, so both ways renew it.
IN_NAMESPACE = ["unshare", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "setpriv", "--pdeathsig", "INT"]
REACH = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *REACH, "--pdeathsig", "INT"]


@cache
def unprivileged() -> list[str]:
    """Return the words to put before a PostgreSQL command; none for an ordinary account.

    In a user namespace of its own root looks like nobody while files stay root's. Where namespaces are forbidden, as in
    many containers, the command becomes nobody and keeps one capability: to reach files below folders of root's.
    """
    if os.geteuid() != 0:
        return []
    for words in (IN_NAMESPACE, AS_NOBODY):
        with contextlib.suppress(OSError):
            if subprocess.run([*words, "true"], capture_output=True).returncode == 0:
                return words
    raise NotReady("PostgreSQL does not run as root here: start as an ordinary account, or set DATABASE_URL.")


def own(folder: Path) -> Path:
    """Make a folder only this account may enter, and refuse one that belongs to somebody else."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ours = {0, NOBODY} if os.geteuid() == 0 else {os.geteuid()}
    if folder.is_symlink() or folder.stat().st_uid not in ours:
        raise NotReady(f"{folder} belongs to somebody else; remove it, or start as its owner.")
    folder.chmod(0o700)
    return folder


def give_to_server_account(*folders: Path) -> None:
    """Let root's folders belong to the account the server runs as; nothing to do for an ordinary account."""
    if os.geteuid() != 0:
        return
    owner = NOBODY if unprivileged() == AS_NOBODY else 0
    for folder in folders:
        if folder.stat().st_uid != owner:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, owner, owner, follow_symlinks=False)
