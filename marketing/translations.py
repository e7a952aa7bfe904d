"""Catalogues of the Chinese texts, one per room: what the sources say, what is translated, what is wrong.

Django merges all catalogues into one, so a text translated in any room is translated, and must be so alike in all.
"""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

LOCALE = "zh_Hans"
HOME = "marketing"  # the room of what belongs to no other: the shell, the demo
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}|(?<!%)(%[sd])")
HALF_WIDTH = re.compile(r"[\u3400-\u9fff][,;:?!](?!//)")

HEADER_NOISE = (
    '"Project-Id',
    '"Report-Msgid',
    '"POT-Creation',
    '"PO-Revision',
    '"Last-Translator',
    '"Language-Team',
    '"Generated-By',
)

MessageId = str | tuple[str, ...] | list[str]
Key = tuple[str | None, str]


@dataclass(frozen=True)
class Text:
    """A text of the sources: where it stands and what it says."""

    room: str
    place: str
    id: MessageId
    context: str | None

    @property
    def key(self) -> Key:
        return self.context, singular(self.id)


def singular(message_id: MessageId) -> str:
    return message_id if isinstance(message_id, str) else message_id[0]


# ── what the sources say ─────────────────────────────────────────────────────


def texts(root: Path, rooms: Iterable[str]) -> Iterator[Text]:
    """Every translatable text of the rooms' Python files and templates."""
    known = set(rooms)
    for path in sorted(root.glob("templates/**/*.html")):
        folder = path.relative_to(root / "templates").parts[0]
        source = templatize(path.read_text(), origin=str(path))
        # Babel reads tokens of Python: indentation left from the HTML would not be valid.
        flat = "\n".join(line.lstrip() for line in source.split("\n"))
        yield from found(flat, folder if folder in known else HOME, path.relative_to(root))
    for folder in sorted(known | {"demo"}):
        for path in sorted((root / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from found(path.read_text(), folder if folder in known else HOME, path.relative_to(root))


def found(source: str, room: str, path: Path) -> Iterator[Text]:
    for line, message, _comments, context in extract("python", io.BytesIO(source.encode()), KEYWORDS):
        if message and singular(message):
            yield Text(room, f"{path}:{line}", message, context)


# ── catalogues ───────────────────────────────────────────────────────────────


def po_path(folder: Path) -> Path:
    return folder / LOCALE / "LC_MESSAGES" / "django.po"


def read(folder: Path) -> Catalog:
    """The catalogue of a room; an empty one where there is no file yet."""
    path = po_path(folder)
    if not path.exists():
        return Catalog(locale=LOCALE, charset="utf-8", header_comment="", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=LOCALE, charset="utf-8", abort_invalid=True)


def write(folder: Path, catalogue: Catalog) -> None:
    path, text = po_path(folder), io.BytesIO()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_po(text, catalogue, width=120, no_location=True, sort_output=True)
    # Dates and names in the header would clash at each merge and tell nothing that the history does not.
    kept = [line for line in text.getvalue().decode().split("\n") if not line.startswith(HEADER_NOISE)]
    path.write_text("\n".join(kept).strip("\n") + "\n")


def compile_stale(folders: Iterable[Path]) -> list[Path]:
    """Write each .mo that is older than its .po; return those written."""
    written = []
    for folder in folders:
        source = po_path(folder)
        target = source.with_suffix(".mo")
        if source.exists() and (not target.exists() or target.stat().st_mtime < source.stat().st_mtime):
            with target.open("wb") as file:
                write_mo(file, read(folder))
            written.append(target)
    return written


def messages(catalogue: Catalog) -> list[Message]:
    """The entries without the header."""
    return [message for message in catalogue if message.id]


def translated(message: Message) -> bool:
    strings = message.string if isinstance(message.string, tuple | list) else [message.string]
    return bool(strings) and all(strings)


def key(message: Message) -> Key:
    return message.context, singular(message.id)


def add_missing(said: list[Text], folders: dict[str, Path]) -> dict[str, int]:
    """Add every text that no catalogue holds to its room's; return how many went to each room."""
    catalogues = {room: read(folder) for room, folder in folders.items()}
    held = {key(message) for catalogue in catalogues.values() for message in messages(catalogue)}
    added: dict[str, int] = {}
    for text in said:
        if text.key not in held:
            held.add(text.key)
            catalogues[text.room].add(text.id, context=text.context)
            added[text.room] = added.get(text.room, 0) + 1
    for room in added:
        write(folders[room], catalogues[room])
    return added


# ── what is wrong ────────────────────────────────────────────────────────────


def faults(said: list[Text], folders: dict[str, Path]) -> list[str]:
    """One sentence for each text that is missing, doubtful, unused, garbled or translated in two ways."""
    held = [(room, message) for room, folder in folders.items() for message in messages(read(folder))]
    good = {key(message) for _room, message in held if translated(message)}
    used = {text.key for text in said}
    first: dict[Key, Text] = {}
    for text in said:
        first.setdefault(text.key, text)
    return [
        *(f"{text.place}: not translated: {singular(text.id)!r}" for k, text in first.items() if k not in good),
        *(f"{room}: fuzzy: {singular(m.id)!r}" for room, m in held if m.fuzzy),
        *(f"{room}: used nowhere: {singular(m.id)!r}" for room, m in held if key(m) not in used),
        *(f"{room}: placeholders differ: {singular(m.id)!r}" for room, m in held if garbled(m)),
        *(f"{room}: half-width punctuation: {m.string!r}" for room, m in held if HALF_WIDTH.search(joined(m))),
        *contradictions(held),
    ]


def joined(message: Message) -> str:
    return message.string if isinstance(message.string, str) else " ".join(message.string or ())


def placeholders(text: str) -> set[str]:
    return {"".join(groups) or "{}" for groups in PLACEHOLDER.findall(text)}


def garbled(message: Message) -> bool:
    """Whether the translation names other placeholders than the text; a plural may leave none out."""
    if not translated(message):
        return False
    ids = (message.id,) if isinstance(message.id, str) else message.id
    wanted = placeholders(ids[-1])
    strings = (message.string,) if isinstance(message.string, str) else message.string
    return any(placeholders(string) != wanted for string in strings or ())


def contradictions(held: list[tuple[str, Message]]) -> Iterator[str]:
    first: dict[Key, tuple[str, Message]] = {}
    for room, message in held:
        if not translated(message):
            continue
        other, same = first.setdefault(key(message), (room, message))
        if joined(same) != joined(message):
            yield f"{other} and {room} differ: {singular(message.id)!r} is {joined(same)!r} and {joined(message)!r}"
