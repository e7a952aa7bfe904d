"""The catalogues of Chinese texts: what is found in the sources, added, compiled and refused."""

import gettext
import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketing import translations

TEMPLATE = """<p>{% translate "Send <now>" %} {{ n }}</p>
    {% blocktranslate trimmed count n=n %}
      {{ n }} person
    {% plural %}
      {{ n }} people
    {% endblocktranslate %}
  <i>{{ x|default:_("nobody") }}</i> it's
  {% translate "Draft" context "state" %}
  {% comment %}{% translate "no" %}{% endcomment %}
"""
CODE = """from django.utils.translation import gettext_lazy as _, pgettext_lazy, ngettext
WORD = _("Offer")
STATE = pgettext_lazy("state", "Held")
print(ngettext("%(n)d step", "%(n)d steps", 2), _(""))
"""


@pytest.fixture
def project(tmp_path: Path, settings) -> Path:
    """A project of two rooms, the shell and `segments`."""
    for name in ("templates/segments", "templates/elsewhere", "marketing", "segments/migrations", "demo"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "templates/base.html").write_text('{% translate "Skip" %}')
    (tmp_path / "templates/elsewhere/x.html").write_text('{% translate "Odd" %}')
    (tmp_path / "templates/segments/list.html").write_text(TEMPLATE)
    (tmp_path / "segments/models.py").write_text(CODE)
    (tmp_path / "segments/migrations/0001_initial.py").write_text('_("Old")')
    settings.BASE_DIR = tmp_path
    settings.LOCALE_PATHS = [tmp_path / "locale" / room for room in ("marketing", "segments")]
    return tmp_path


def run(*options: str) -> str:
    out = StringIO()
    call_command("messages", *options, stdout=out)
    return out.getvalue()


def po(project: Path, room: str) -> Path:
    return translations.po_path(project / "locale" / room)


def write_po(project: Path, room: str, *entries: str) -> None:
    path = po(project, room)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    path.write_text("\n".join([header, *entries]))


def entry(text: str, said: str) -> str:
    return f'msgid "{text}"\nmsgstr "{said}"\n'


def only(project: Path, source: str) -> None:
    """Leave one template as the only source."""
    (project / "segments/models.py").write_text("")
    (project / "templates/base.html").write_text("")
    (project / "templates/elsewhere/x.html").write_text("")
    (project / "templates/segments/list.html").write_text(source)


def faults(project: Path) -> list[str]:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("messages", "--check", stdout=out)
    return [line for line in out.getvalue().splitlines() if "compiled" not in line]


def test_every_text_goes_to_its_room(project: Path) -> None:
    found = {(text.room, text.context, text.id) for text in translations.texts(project, ["marketing", "segments"])}
    assert found == {
        ("marketing", None, "Skip"),
        ("marketing", None, "Odd"),
        ("segments", None, "Send <now>"),
        ("segments", None, ("%(n)s person", "%(n)s people")),
        ("segments", None, "nobody"),
        ("segments", "state", "Draft"),
        ("segments", None, "Offer"),
        ("segments", "state", "Held"),
        ("segments", None, ("%(n)d step", "%(n)d steps")),
    }


def test_update_adds_what_is_new_and_keeps_what_was_said(project: Path) -> None:
    write_po(project, "segments", entry("Offer", "权益"))
    assert "segments: 6 new texts" in run("--update")
    text = po(project, "segments").read_text()
    assert 'msgid "Offer"\nmsgstr "权益"' in text
    assert 'msgid_plural "%(n)s people"\nmsgstr[0] ""' in text
    assert "new texts" not in run("--update")


def test_update_of_one_room_leaves_the_others(project: Path) -> None:
    run("--update", "--room", "segments")
    assert not po(project, "marketing").exists()


def test_a_text_another_room_holds_is_not_asked_for_twice(project: Path) -> None:
    write_po(project, "marketing", entry("Offer", "权益"))
    run("--update")
    assert '"Offer"' not in po(project, "segments").read_text()


def test_two_updates_write_the_same_bytes(project: Path) -> None:
    run("--update")
    first = po(project, "segments").read_bytes()
    translations.write(project / "locale/segments", translations.read(project / "locale/segments"))
    assert po(project, "segments").read_bytes() == first
    assert b"POT-Creation-Date" not in first


def test_a_stale_catalogue_is_compiled_once(project: Path) -> None:
    write_po(project, "segments", entry("Offer", "权益"))
    assert "1 catalogues compiled" in run()
    assert "0 catalogues compiled" in run()
    with po(project, "segments").with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Offer") == "权益"
    write_po(project, "segments", entry("Offer", "产品"))
    later = po(project, "segments").stat().st_mtime + 5
    os.utime(po(project, "segments"), (later, later))
    assert "1 catalogues compiled" in run()


def test_what_is_all_right_passes(project: Path) -> None:
    only(project, '{% translate "Offer" %}')
    write_po(project, "segments", entry("Offer", "权益"))
    assert "Every text is translated" in run("--check")


def test_an_untranslated_text_is_named_with_its_place(project: Path) -> None:
    only(project, '\n{% translate "Offer" %}')
    write_po(project, "segments", entry("Offer", ""))
    assert faults(project) == ["templates/segments/list.html:2: not translated: 'Offer'"]


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        (["#, fuzzy\n" + entry("Offer", "权益")], "segments: fuzzy: 'Offer'"),
        ([entry("Offer", "权益"), entry("Gone", "没了")], "segments: used nowhere: 'Gone'"),
        ([entry("Offer", "权益%(n)s")], "segments: placeholders differ: 'Offer'"),
        ([entry("Offer", "权益,产品")], "segments: half-width punctuation: '权益,产品'"),
    ],
)
def test_a_doubtful_catalogue_is_refused(project: Path, entries: list[str], fault: str) -> None:
    only(project, '{% translate "Offer" %}')
    write_po(project, "segments", *entries)
    assert fault in faults(project)


def test_a_placeholder_lost_in_translation_is_refused(project: Path) -> None:
    only(project, "{% blocktranslate %}{{ n }} sent by {{ who }}{% endblocktranslate %}")
    write_po(project, "segments", entry("%(n)s sent by %(who)s", "已发送 %(n)s 条"))
    assert faults(project) == ["segments: placeholders differ: '%(n)s sent by %(who)s'"]


def test_one_text_is_translated_alike_in_all_rooms(project: Path) -> None:
    only(project, '{% translate "Offer" %}')
    write_po(project, "segments", entry("Offer", "权益"))
    write_po(project, "marketing", entry("Offer", "优惠"))
    assert faults(project) == ["marketing and segments differ: 'Offer' is '优惠' and '权益'"]


def test_the_check_of_one_room_is_silent_about_the_others(project: Path) -> None:
    only(project, '{% translate "Offer" %}')
    write_po(project, "segments", entry("Offer", "权益"))
    write_po(project, "marketing", entry("Gone", "没了"))
    assert "Every text is translated" in run("--check", "--room", "segments")


def test_the_shell_and_its_words_are_translated(settings) -> None:
    """The real catalogues: nothing of this folder's own is left in English."""
    folders = {Path(folder).name: Path(folder) for folder in settings.LOCALE_PATHS}
    said = [text for text in translations.texts(settings.BASE_DIR, folders) if text.room == "marketing"]
    assert len(said) > 100
    missing = [fault for fault in translations.faults(said, folders) if "not translated" in fault]
    assert missing == []
