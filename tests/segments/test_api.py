"""Programs meet the pages' verbs, permissions and sentences."""

import pytest
from rest_framework.test import APIClient

from segments.editing import create_segment
from tests.conftest import NOW
from tests.segments.conftest import ADULTS, AS_OF, condition, rule_of

pytestmark = pytest.mark.django_db
LIST = "/api/v1/segments/"


@pytest.fixture
def api():
    def of(person):
        client = APIClient(headers={"accept-language": "en"})
        client.force_authenticate(person)
        return client

    return of


def test_create_read_count_freeze(api, cast, people):
    client = api(cast.marketer)
    made = client.post(LIST, {"name": "青年", "rule": ADULTS}, format="json")
    assert made.status_code == 201
    assert (made.json()["size"], made.json()["version"], made.json()["department"]) == (4, 1, "loan")
    one = f"{LIST}{made.json()['id']}/"
    assert client.get(one).json()["versions"][0]["rule"] == ADULTS
    counted = client.post(f"{LIST}count/", {"rule": ADULTS}, format="json").json()
    assert (counted["size"], counted["total"], counted["as_of"]) == (4, 6, AS_OF.isoformat())
    frozen = client.post(f"{one}snapshots/")
    assert frozen.status_code == 201
    assert client.get(f"{one}snapshots/").json() == [frozen.json()]
    assert frozen.json()["size"] == 4


def test_a_wrong_rule_is_told_by_path(api, cast, people):
    rule = rule_of(condition("shoe_size", "ge", 40), condition("age", "ge", "x"))
    for path, body in [(LIST, {"name": "x", "rule": rule}), (f"{LIST}count/", {"rule": rule})]:
        answer = api(cast.marketer).post(path, body, format="json")
        assert answer.status_code == 400
        assert answer.json()["fields"]["0"].startswith("The attribute “shoe_size” no longer exists")
        assert answer.json()["fields"]["1"] == "“x” is not a number."


def test_another_department_gets_404_and_an_empty_list(api, cast, people):
    made = create_segment(name="x", rule=ADULTS, by=cast.marketer, at=NOW)
    client = api(cast.card_marketer)
    assert client.get(LIST).json()["results"] == []
    assert client.get(f"{LIST}{made.pk}/").status_code == 404
    assert client.post(f"{LIST}{made.pk}/snapshots/").status_code == 404


def test_permissions_are_the_pages(api, cast, people):
    assert api(cast.rm).get(LIST).status_code == 403
    assert api(cast.auditor).get(LIST).status_code == 200
    assert api(cast.auditor).post(LIST, {"name": "x", "rule": ADULTS}, format="json").status_code == 403
    assert APIClient().get(LIST).status_code == 401


def test_the_list_costs_few_queries(api, cast, people, django_assert_max_num_queries):
    for number in range(5):
        create_segment(name=str(number), rule=ADULTS, by=cast.marketer, at=NOW)
    client = api(cast.marketer)
    with django_assert_max_num_queries(4):
        assert len(client.get(LIST).json()["results"]) == 5
