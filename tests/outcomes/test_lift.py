"""The effect of a campaign and its interval."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes import lift


# Newcombe 1998, Statistics in Medicine 17:873-890, table II, method 10.
@pytest.mark.parametrize(
    ("x1", "n1", "x2", "n2", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_published_values(x1, n1, x2, n2, low, high):
    got = lift.difference(n1, x1, n2, x2)
    assert got.estimate == pytest.approx(x1 / n1 - x2 / n2)
    assert (round(got.low, 4), round(got.high, 4)) == (low, high)


def test_wilson_published():
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for x, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert tuple(round(limit, 4) for limit in lift.wilson(n, x)) == (low, high)


def test_extra_people_are_the_effect_times_the_treated():
    got = lift.difference(31_024, 611, 3_841, 47)
    assert got.extra == pytest.approx(611 - 47 / 3_841 * 31_024)
    assert got.extra_low == pytest.approx(got.low * 31_024) and got.extra_high == pytest.approx(got.high * 31_024)
    assert got.p_treated == pytest.approx(611 / 31_024) and got.p_control == pytest.approx(47 / 3_841)
    assert got.conclusive


def test_an_interval_across_zero_is_not_conclusive():
    assert not lift.difference(1_000, 11, 1_000, 10).conclusive
    assert lift.difference(1_000, 10, 1_000, 60).conclusive, "harm is a conclusion as well"


@pytest.mark.parametrize("counts", [(0, 0, 10, 1), (10, 1, 0, 0), (0, 0, 0, 0)])
def test_an_empty_group_is_too_early(counts):
    got = lift.difference(*counts)
    assert got.too_early and not got.conclusive and got.extra is None and got.low is None


@pytest.mark.parametrize("counts", [(10, 11, 10, 1), (10, -1, 10, 1), (0, 1, 10, 1), (-1, 0, 10, 1)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError):
        lift.difference(*counts)


groups = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(groups, groups)
def test_interval_holds_the_estimate_and_swaps_with_the_groups(treated, control):
    got, back = lift.difference(*treated, *control), lift.difference(*control, *treated)
    assert -1 - 1e-12 <= got.low <= got.estimate + 1e-12 and got.estimate - 1e-12 <= got.high <= 1 + 1e-12
    assert got.low == pytest.approx(-back.high, abs=1e-12) and got.high == pytest.approx(-back.low, abs=1e-12)


@pytest.mark.parametrize(
    ("p1", "p2", "n1", "n2"),
    [(0.02, 0.012, 9_000, 1_000), (0.02, 0.02, 2_000, 200), (0.3, 0.25, 400, 80), (0.005, 0.005, 5_000, 500)],
)
def test_the_interval_covers_the_truth_as_often_as_it_says(p1, p2, n1, n2):
    random = np.random.default_rng(7)
    draws = zip(random.binomial(n1, p1, 4_000).tolist(), random.binomial(n2, p2, 4_000).tolist(), strict=True)
    hits = sum(got.low <= p1 - p2 <= got.high for got in (lift.difference(n1, x1, n2, x2) for x1, x2 in draws))
    assert 0.935 < hits / 4_000 < 0.975


def test_a_department_adds_people_and_variances():
    one, two = lift.difference(1_000, 40, 1_000, 20), lift.difference(3_000, 90, 1_000, 20)
    total = lift.combine([one, two, lift.difference(0, 0, 10, 1)])
    assert total.extra == pytest.approx(one.extra + two.extra)
    assert total.extra - total.extra_low == pytest.approx(
        math.hypot(one.extra - one.extra_low, two.extra - two.extra_low)
    )
    assert total.extra_high - total.extra == pytest.approx(
        math.hypot(one.extra_high - one.extra, two.extra_high - two.extra)
    )
    assert (total.treated_n, total.treated_x, total.control_n, total.control_x) == (4_000, 130, 2_000, 40)
    assert total.estimate * total.treated_n == pytest.approx(total.extra)
    assert total.p_treated - total.p_control == pytest.approx(total.estimate)


def test_combining_one_campaign_changes_nothing_and_none_is_too_early():
    one = lift.difference(1_000, 40, 1_000, 20)
    total = lift.combine([one])
    assert (total.extra, total.extra_low, total.extra_high) == pytest.approx((one.extra, one.extra_low, one.extra_high))
    assert lift.combine([]).too_early


def test_combined_totals_cover_the_truth():
    random = np.random.default_rng(11)
    arms = [(2_000, 0.03, 300, 0.02), (8_000, 0.012, 900, 0.012), (500, 0.10, 120, 0.07)]
    truth = sum(n1 * (p1 - p2) for n1, p1, _n2, p2 in arms)
    hits = 0
    for _draw in range(2_000):
        parts = [
            lift.difference(n1, int(random.binomial(n1, p1)), n2, int(random.binomial(n2, p2)))
            for n1, p1, n2, p2 in arms
        ]
        total = lift.combine(parts)
        hits += total.extra_low <= truth <= total.extra_high
    assert 0.935 < hits / 2_000 < 0.98


def test_needed_per_arm():
    assert lift.needed_per_arm(0.6, 0.1) == 356, "the textbook example, 60 % against 70 %"
    assert lift.needed_per_arm(0.012, 0.004) > lift.needed_per_arm(0.012, 0.008)
    for p, delta in [(0, 0.1), (0.95, 0.1), (0.1, 0), (0.1, -0.2)]:
        with pytest.raises(ValueError):
            lift.needed_per_arm(p, delta)
