"""The icon sprite holds exactly the icons that were asked for, and says which ones do not exist."""

from pathlib import Path

import pytest

from marketing.frontend import FrontEndError, sprite, without_source_map

CHECK = (
    '<svg\n  xmlns="http://www.w3.org/2000/svg"\n  width="24" height="24" viewBox="0 0 24 24" fill="none"\n'
    '  stroke="currentColor" stroke-width="2" class="icon"\n>\n'
    '  <path stroke="none" d="M0 0h24v24H0z" fill="none" />\n  <path d="M5 12l5 5" />\n</svg>'
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for kind, name in (("outline", "check"), ("outline", "star"), ("filled", "star")):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{name}.svg").write_text(CHECK)
    return tmp_path


def test_an_icon_takes_size_colour_and_stroke_width_from_the_page(pictures: Path) -> None:
    drawn = sprite(["check"], pictures)
    assert '<symbol id="check" viewBox="0 0 24 24" fill="none" stroke="currentColor"' in drawn
    assert '<path d="M5 12l5 5" /></symbol>' in drawn
    for word in ("stroke-width", "width=", "class=", "M0 0h24"):
        assert word not in drawn


def test_a_filled_icon_has_an_id_of_its_own(pictures: Path) -> None:
    drawn = sprite(["star", "f:star", "star"], pictures)
    assert drawn.count("<symbol") == 2
    assert '<symbol id="f-star" viewBox="0 0 24 24" fill="currentColor">' in drawn


def test_a_missing_icon_is_named(pictures: Path) -> None:
    with pytest.raises(FrontEndError, match="f:check, nosuch"):
        sprite(["check", "f:check", "nosuch"], pictures)


def test_nothing_points_at_a_source_map() -> None:
    assert without_source_map("a{}\n/*# sourceMappingURL=a.css.map */") == "a{}\n"
    assert without_source_map("f()\n//# sourceMappingURL=a.js.map") == "f()\n"
