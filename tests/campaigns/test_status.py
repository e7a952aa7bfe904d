"""The life of a campaign, as data."""

import itertools

import pytest

from campaigns import status

ALLOWED = {
    ("draft", "in_review"), ("draft", "cancelled"),
    ("in_review", "approved"), ("in_review", "rejected"), ("in_review", "draft"), ("in_review", "cancelled"),
    ("rejected", "draft"),
    ("approved", "scheduled"), ("approved", "draft"), ("approved", "cancelled"),
    ("scheduled", "running"), ("scheduled", "draft"), ("scheduled", "cancelled"),
    ("running", "paused"), ("running", "finished"), ("running", "cancelled"),
    ("paused", "running"), ("paused", "finished"), ("paused", "cancelled"),
}  # fmt: skip


@pytest.mark.parametrize(("from_", "to"), list(itertools.product(status.STATES, repeat=2)))
def test_every_pair(from_, to):
    assert status.allowed(from_, to) == ((from_, to) in ALLOWED)


def test_unknown_states_move_nowhere():
    assert not status.allowed("", "draft") and not status.allowed("draft", "nowhere")


def test_nothing_runs_without_an_approval():
    """From draft every way to running leads through approved."""
    reached, frontier = set(), {"draft"}
    while frontier:
        state = frontier.pop()
        reached.add(state)
        frontier |= {to for to in status.MOVES[state] if to != "approved"} - reached
    assert "running" not in reached


def test_what_was_sent_cannot_be_edited():
    assert not status.EDITABLE & {"running", "paused", "finished", "cancelled"}
    assert all(state == "draft" or status.allowed(state, "draft") for state in status.EDITABLE)


def test_sources_mirror_moves():
    assert status.sources("draft") == {"in_review", "rejected", "approved", "scheduled"}
    assert {"draft", "in_review", "approved", "scheduled", "running", "paused"} == status.LIVE
