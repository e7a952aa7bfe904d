"""The pages of segments: who sees what, what the builder answers, and that nothing typed is lost."""

import re

import pytest
from django.urls import reverse

from segments.editing import archive, create_segment
from segments.models import Segment, Snapshot
from tests.conftest import NOW
from tests.segments.conftest import ADULTS, condition, rule_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def segment(cast, people):
    return create_segment(name="装修贷潜客", note="十一月", rule=ADULTS, by=cast.marketer, at=NOW)


@pytest.fixture
def browse(client):
    """Return a client of a person who reads English."""

    def sign_in(person):
        client.force_login(person)
        client.cookies["django_language"] = "en"
        return client

    return sign_in


def url(name, *args):
    return reverse(f"segments:{name}", args=args)


def html_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html_of(response)))


AGE_FORM = {"r.group": "all", "r.0.attribute": "age", "r.0.op": "between", "r.0.value": ["25", "55"]}
WRONG_FORM = {**AGE_FORM, "r.0.value": ["sixty", "55"]}


def test_the_list_shows_the_departments_segments_with_size(browse, cast, segment, django_assert_max_num_queries):
    reader = browse(cast.marketer)
    with django_assert_max_num_queries(12):
        page = reader.get(url("list"))
    assert "装修贷潜客" in text(page)
    assert re.search(r'class="count" href="[^"]+/members/">4<', html_of(page))


def test_another_department_sees_nothing_of_it(browse, cast, segment):
    other = browse(cast.card_marketer)
    assert "装修贷潜客" not in text(other.get(url("list")))
    for name in ("detail", "edit", "figures", "sample", "members"):
        assert other.get(url(name, segment.pk)).status_code == 404, name
    for name in ("freeze", "archive"):
        assert other.post(url(name, segment.pk)).status_code == 404, name


@pytest.mark.parametrize("role", ["rm", "branch_manager"])
def test_branches_have_no_segments(browse, cast, segment, role):
    assert browse(getattr(cast, role)).get(url("list")).status_code == 403


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=装修", 1), ("q=十一", 1), ("q=marketer", 1), ("q=xyz", 0), ("size=s", 1), ("size=xl", 0), ("owner=999", 1)],
)
def test_the_list_filters(browse, cast, segment, query, found):
    page = browse(cast.analyst).get(f"{url('list')}?{query}")
    assert page.context["page_obj"].paginator.count == found


def test_the_empty_list_offers_the_first_step(browse, cast):
    page = browse(cast.marketer).get(url("list"))
    assert "No segments yet" in text(page)
    assert url("create") in html_of(page)
    assert url("create") not in html_of(browse(cast.auditor).get(url("list")))


def test_an_archived_segment_leaves_the_list(browse, cast, segment):
    archive(segment=segment, by=cast.marketer, at=NOW)
    page = browse(cast.marketer)
    assert "装修贷潜客" not in text(page.get(url("list")))
    assert "Archived" in text(page.get(url("detail", segment.pk)))
    assert page.get(url("edit", segment.pk)).status_code == 404


def test_the_detail_reads_as_a_sentence_with_its_history(browse, cast, segment):
    said = text(browse(cast.auditor).get(url("detail", segment.pk)))
    assert "Customers whose age is 25–55 years ." in said
    assert "v1" in said
    assert "Edit the rule" not in said


def test_the_figures_end_at_the_size(browse, cast, segment):
    said = text(browse(cast.marketer).get(url("figures", segment.pk)))
    assert "66.67% of all customers" in said
    assert "All customers 6 Age is 25–55 years −2 4" in said


def test_a_retired_attribute_is_named_and_the_page_still_stands(browse, cast, segment, attributes):
    attributes["age"].retired_at = NOW
    attributes["age"].save(update_fields=["retired_at"])
    page = browse(cast.marketer)
    assert "“age” is 25–55" in text(page.get(url("detail", segment.pk)))
    gone = "The attribute “age” no longer exists; remove the condition or choose another attribute."
    assert gone in text(page.get(url("figures", segment.pk)))
    assert gone in text(page.get(url("members", segment.pk)))
    assert gone in text(page.post(url("count"), AGE_FORM))
    assert page.get(url("edit", segment.pk)).status_code == 200
    page.post(url("freeze", segment.pk))
    assert not Snapshot.objects.exists()


def test_members_are_listed_masked(browse, cast, segment, django_assert_max_num_queries):
    reader = browse(cast.marketer)
    with django_assert_max_num_queries(12):
        said = text(reader.get(url("members", segment.pk)))
    assert "4 customers" in said
    assert "王*" in said
    assert "王芳" not in said
    assert "14212340001" not in said


def test_the_live_count_follows_the_form(browse, cast, people):
    page = browse(cast.marketer)
    answer = page.post(url("count"), AGE_FORM)
    assert "data-announce><" not in html_of(answer)
    assert re.search(r'class="hero" data-announce> ?4 ?<', html_of(answer))
    assert "Customers whose age is 25–55 years ." in text(answer)
    assert re.search(r'id="eff-0" hx-swap-oob="true">−2<', html_of(answer))
    assert answer["HX-Trigger-After-Swap"] == '{"counted": {}}'


def test_a_wrong_value_is_told_at_its_condition_and_the_rest_still_reads(browse, cast, people):
    form = {**WRONG_FORM, "r.1.attribute": "job", "r.1.op": "in", "r.1.value": ["teacher"]}
    answer = browse(cast.marketer).post(url("count"), form)
    problem = re.search(r'id="err-0".*?</div>', html_of(answer), re.S)[0]
    assert "“sixty” is not a number." in problem
    assert "Customers whose occupation is Teacher ." in text(answer)


def test_an_unfinished_condition_is_asked_for_gently(browse, cast, people):
    answer = browse(cast.marketer).post(url("count"), {**AGE_FORM, "r.0.value": ["", ""]})
    assert 'class="seg-err todo" id="err-0"' in html_of(answer)
    assert "Complete the marked conditions" in text(answer)


def test_an_empty_rule_counts_nobody_and_says_what_to_do(browse, cast, people):
    said = text(browse(cast.marketer).post(url("count"), {"r.group": "all"}))
    assert "Add a condition" in said
    assert "group is empty" not in said


def test_without_data_the_count_says_what_to_load(browse, cast, attributes):
    assert "Load a customers file" in text(browse(cast.marketer).post(url("count"), AGE_FORM))


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"do": "add", "at": "", "key": "job"}, ["0 age", "1.0 aum", "2 job"]),
        ({"do": "add", "at": "1", "key": "job"}, ["0 age", "1.0 aum", "1.1 job"]),
        ({"do": "change", "at": "0", "key": "aum"}, ["0 aum", "1.0 aum"]),
        ({"do": "remove", "at": "0"}, ["0.0 aum"]),
        ({"do": "remove", "at": "1"}, ["0 age"]),
        ({"do": "remove", "at": "1.0"}, ["0 age"]),
        ({"do": "remove", "at": "7.7"}, ["0 age", "1.0 aum"]),
        ({"do": "group", "at": ""}, ["0 age", "1.0 aum"]),
        ({"do": "add", "at": "0", "key": "nonsense"}, ["0 age", "1.0 aum"]),
    ],
)
def test_edits_of_the_tree(browse, cast, attributes, edit, expected):
    form = {**AGE_FORM, "r.1.group": "any", "r.1.0.attribute": "aum", "r.1.0.op": "ge", "r.1.0.value": "9"}
    answer = browse(cast.marketer).post(url("shape"), form | edit)
    html = html_of(answer)
    found = re.findall(r'name="r\.([\d.]+)\.attribute" value="(\w+)"', html)
    assert [" ".join(each) for each in found] == expected
    assert html.count('class="rg any') == (0 if edit.get("at") == "1" and edit["do"] == "remove" else 1) + (
        1 if edit["do"] == "group" else 0
    )
    assert answer["HX-Trigger-After-Swap"] == '{"rule-changed": {}}'


def test_what_was_typed_is_drawn_again(browse, cast, attributes):
    nasty = """'"><script>alert(1)</script>"""
    form = {"r.group": "all", "r.0.attribute": "employer", "r.0.op": "eq", "r.0.value": nasty}
    html = html_of(browse(cast.marketer).post(url("shape"), form))
    assert "<script>alert" not in html
    assert "&quot;&gt;&lt;script&gt;" in html


def test_saving_makes_the_segment(browse, cast, people):
    answer = browse(cast.marketer).post(url("create"), {**AGE_FORM, "name": "青年", "note": ""}, follow=True)
    segment = Segment.objects.get()
    assert answer.redirect_chain[0][0] == url("detail", segment.pk)
    assert segment.latest.rule == ADULTS


def test_a_refused_save_keeps_what_was_typed(browse, cast, people):
    answer = browse(cast.marketer).post(url("create"), {**WRONG_FORM, "name": "青年", "note": "保留"})
    html = html_of(answer)
    assert 'value="sixty"' in html
    assert 'value="保留"' in html
    assert "“sixty” is not a number." in text(answer)
    assert not Segment.objects.exists()


def test_a_name_taken_is_told_at_the_name(browse, cast, segment):
    answer = browse(cast.marketer).post(url("create"), {**AGE_FORM, "name": segment.name})
    assert "already has a segment with this name" in text(answer)
    assert answer.context["form"].errors.keys() == {"name"}


def test_editing_adds_a_version(browse, cast, segment):
    page = browse(cast.manager)
    assert "Save as v2" in text(page.get(url("edit", segment.pk)))
    form = {**AGE_FORM, "r.0.value": ["25", "45"], "name": segment.name, "note": ""}
    answer = page.post(url("edit", segment.pk), form, follow=True)
    assert "Saved as version 2." in text(answer)
    answer = page.post(url("edit", segment.pk), form, follow=True)
    assert "stays version 2" in text(answer)
    assert segment.versions.count() == 2


def test_freezing_by_hand(browse, cast, segment):
    answer = browse(cast.marketer).post(url("freeze", segment.pk), follow=True)
    assert "Snapshot of 2026-10-31 frozen: 4 customers." in text(answer)
    assert Snapshot.objects.get().frozen_by == cast.marketer


def test_readers_may_not_build(browse, cast, segment):
    reader = browse(cast.compliance)
    assert reader.get(url("create")).status_code == 403
    assert reader.post(url("count"), AGE_FORM).status_code == 403
    assert reader.post(url("archive", segment.pk)).status_code == 403
    assert reader.get(url("detail", segment.pk)).status_code == 200


def test_the_builder_speaks_chinese(client, cast, people):
    client.force_login(cast.marketer)
    client.cookies["django_language"] = "zh-hans"
    rule = {**AGE_FORM, "r.1.group": "none", "r.1.0.attribute": "job", "r.1.0.op": "eq", "r.1.0.value": "teacher"}
    said = text(client.post(url("count"), rule))
    assert "年龄在 25–55 岁之间 的客户； 不含 职业为教师 的客户。" in said


def test_a_saved_rule_with_every_editor_is_drawn(browse, cast, people):
    rule = rule_of(
        condition("age", "in", [30, 40]),
        condition("aum", "between", [1, 2.5]),
        condition("employer", "contains", "中学"),
        condition("job", "in", ["teacher", "doctor"]),
        condition("salaried", "eq", False),
        condition("last_login", "between", ["2026-01-01", "2026-10-31"]),
        condition("last_login", "in_last_days", 30),
        condition("last_login", "before", "2026-10-31"),
        condition("employer", "is_empty"),
        {"op": "any", "items": [condition("job", "eq", "teacher")]},
    )
    made = create_segment(name="x", rule=rule, by=cast.marketer, at=NOW)
    page = browse(cast.marketer)
    html = html_of(page.get(url("edit", made.pk)))
    assert 'value="30、40"' in html
    assert html.count("checked") == 2
    fields = dict(re.findall(r'name="(r[^"]*)" value="([^"]*)"', html))
    assert fields["r.1.value"] == "2.5"
    assert fields["r.5.value"] == "2026-10-31"
    assert re.search(r'<option value="false" selected', html)
