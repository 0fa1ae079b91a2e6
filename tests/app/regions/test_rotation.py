"""The rotation: who comes when, what a failure changes, and the bound that no region waits beyond."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.regions.forecast import longest_waits, plan, warnings
from app.regions.rotation import PER_NIGHT, RegionStanding, choose, longest_wait

FIRST = date(2026, 1, 1)


def night(number: int) -> date:
    return FIRST + timedelta(days=number)


def standing(
    name: str, waited: int | None = None, interval: int = 7, priority: int = 1, **given
) -> RegionStanding:
    """A region on the night 100 that has waited so long."""
    attempted = None if waited is None else night(100 - waited)
    return RegionStanding(name, interval, priority, attempted, **given)


def chosen(*standings: RegionStanding) -> list[str]:
    return [each.name for each in choose(standings, night(100))]


def test_the_two_most_overdue_come_first():
    assert chosen(standing("a", 8), standing("b", 14), standing("c", 10), standing("d", 3)) == ["b", "c"]


def test_who_was_refreshed_within_its_interval_is_left_alone():
    assert chosen(standing("a", 6), standing("b", 7)) == ["b"]
    assert chosen(standing("a", 6), standing("b", 0)) == []


def test_being_overdue_is_measured_by_the_interval():
    # 20 of 14 nights are 1.43 intervals, 11 of 7 are 1.57, 5 of 3 are 1.67.
    assert chosen(standing("a", 20, 14), standing("b", 11, 7), standing("c", 5, 3)) == ["c", "b"]


def test_a_region_of_priority_two_waits_twice_as_long_and_not_for_ever():
    first, second = standing("first", 8, 7, 1), standing("second", 15, 7, 2)
    assert chosen(first, second) == ["first", "second"]  # 8/7 and 15/14
    assert chosen(first, replace(second, attempted=night(100 - 17))) == ["second", "first"]  # 17/14


def test_new_regions_come_before_all_others_the_important_ones_first():
    assert chosen(standing("a", 90), standing("b", priority=2), standing("c", priority=1)) == ["c", "b"]


def test_a_region_that_is_being_refreshed_is_not_taken_again():
    assert chosen(standing("a", 30, is_running=True), standing("b", 8)) == ["b"]


@pytest.mark.parametrize(("failures", "pause"), [(0, 7), (1, 1), (2, 2), (3, 4), (4, 7), (5, 7), (4000, 7)])
def test_after_failures_it_is_tried_again_after_1_2_4_nights_and_its_interval_at_most(failures, pause):
    assert standing("a", 1, failures=failures).pause == pause


def test_a_region_that_changed_in_its_file_is_due_at_once_and_comes_first():
    moved = standing("moved", 0, priority=9, changed=("bbox",))
    assert chosen(standing("a", 90), standing("b", 80), moved) == ["moved", "a"]
    assert chosen(replace(moved, is_running=True)) == []
    assert plan([moved], night(100), 8)[0].turns[0].why == "bbox changed since the last attempt"
    assert [len(each.turns) for each in plan([moved], night(100), 8)] == [1, 0, 0, 0, 0, 0, 0, 1]


def test_after_a_failure_a_region_queues_behind_what_is_more_overdue():
    failed = standing("failed", 1, failures=1)  # one night of one: ratio 1
    assert chosen(failed, standing("b", 8), standing("c", 9)) == ["c", "b"]
    assert chosen(failed, standing("b", 8)) == ["b", "failed"]


class Simulated:
    """Nights with a clock of their own: what is chosen fails or not, some nights are missed."""

    def __init__(self, standings: Sequence[RegionStanding]) -> None:
        self.now = {each.name: each for each in standings}
        self.succeeded: dict[str, int] = {}
        self.successes = dict.fromkeys(self.now, 0)
        self.oldest = dict.fromkeys(self.now, 0)
        """Longest time between two successes, in nights."""
        self.retries: list[tuple[int, str]] = []
        self.nights: set[int] = set()

    def run(self, number: int, fails) -> list[str]:
        names = []
        self.nights.add(number)
        for each in choose(self.now.values(), night(number)):
            others = [other for other in self.now.values() if other is not each]
            if each.attempted is not None:
                since = (each.attempted - FIRST).days
                retries = sum(1 for at, name in self.retries if at > since and name != each.name)
                missed = sum(1 for at in range(since, number) if at not in self.nights)
                # A night that was missed is one in which others took both turns.
                bound = longest_wait(each, others, retries=retries + PER_NIGHT * missed)
                assert number - since <= bound, (each, number)
            names.append(each.name)
        for name in names:
            each = self.now[name]
            if each.failures:
                self.retries.append((number, name))
            failures = each.failures + 1 if fails(name, number) else 0
            self.now[name] = replace(each, attempted=night(number), failures=failures)
            if not failures:
                self.successes[name] += 1
                self.oldest[name] = max(self.oldest[name], number - self.succeeded.get(name, number))
                self.succeeded[name] = number
        return names


FOURTEEN = [RegionStanding(f"r{n:02}", 7, 1 if n < 5 else 2) for n in range(14)]
"""Two a night times seven nights: as many as can be kept."""


def test_400_nights_of_14_regions_without_failures_keep_every_interval():
    assert warnings(FOURTEEN, FIRST) == []
    world = Simulated(FOURTEEN)
    taken = [world.run(n, lambda *_: False) for n in range(400)]
    assert {len(names) for names in taken} == {2}
    assert set(world.oldest.values()) == {7}


@pytest.mark.parametrize("seed", range(8))
def test_400_nights_of_14_regions_of_two_priorities_with_failures(seed):
    chance = random.Random(seed)
    down = {name: chance.randrange(0, 300) for name in chance.sample([s.name for s in FOURTEEN], 2)}

    def fails(name: str, number: int) -> bool:
        is_down = name in down and down[name] <= number < down[name] + 60
        return is_down or chance.random() < 0.1

    # An interval of ten nights leaves room for what failures cost: 1.4 of 2 a night.
    roomy = [replace(each, interval=10) for each in FOURTEEN]
    assert warnings(roomy, FIRST) == []
    world = Simulated(roomy)
    for number in range(400):
        names = world.run(number, fails)
        assert len(names) <= PER_NIGHT
        assert len(set(names)) == len(names)
    healthy = [each for each in roomy if each.name not in down]
    for each in healthy:
        # Three intervals: less than two for the bound without failures, and one for what failures cost.
        assert world.oldest[each.name] <= 3 * each.interval
        assert world.successes[each.name] >= 400 // 15
    for name, since in down.items():
        retries = [at for at, of in world.retries if of == name and since <= at < since + 60]
        assert len(retries) <= 4 + 60 // 10  # after 1, 2, 4 and 8 nights, then once an interval
        assert world.oldest[name] < 60 + 3 * 10  # soon after it works again


def test_more_regions_than_can_be_kept_are_warned_of_and_all_get_their_turn():
    many = [replace(each, interval=3) for each in FOURTEEN]
    told = warnings(many, FIRST)
    assert "need 4.67 refreshes a night, but at most 2 are made" in told[0]  # 14 / 3
    assert "2.33 times as long" in told[0]  # 14 / 3 / 2
    assert len(told) == 15
    world = Simulated(many)
    for number in range(400):
        world.run(number, lambda *_: False)
    assert min(world.successes.values()) > 30  # 800 turns, 57 each if all were alike
    important = [world.successes[each.name] for each in many if each.priority == 1]
    others = [world.successes[each.name] for each in many if each.priority == 2]
    assert min(important) > max(others)


def test_nights_that_were_missed_are_not_made_up_for():
    world = Simulated(FOURTEEN)
    for number in range(50):
        world.run(number, lambda *_: False)
    after = [world.run(number, lambda *_: False) for number in range(70, 77)]
    assert [len(names) for names in after] == [2] * 7
    assert len({name for names in after for name in names}) == 14


STANDINGS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), min_size=1, max_size=20).map(
    lambda facts: [RegionStanding(f"r{n}", *fact) for n, fact in enumerate(facts)]
)


@settings(max_examples=60, deadline=None)
@given(standings=STANDINGS, seed=st.integers(0, 1000), rate=st.sampled_from([0.0, 0.1, 0.5, 0.95]))
def test_no_region_waits_beyond_its_bound_whatever_the_load_and_the_failures(standings, seed, rate):
    chance = random.Random(seed)
    world = Simulated(standings)  # asserts the bound of every wait
    for number in range(250):
        assert len(world.run(number, lambda *_: chance.random() < rate)) <= PER_NIGHT


@settings(max_examples=60, deadline=None)
@given(standings=STANDINGS)
def test_what_is_not_warned_of_is_kept(standings):
    told = " ".join(warnings(standings, FIRST))
    world = Simulated(standings)
    for number in range(400):
        world.run(number, lambda *_: False)
    for each in standings:
        if f"{each.name} (" not in told:
            assert world.oldest[each.name] <= each.interval


def test_the_bound_of_equal_regions_is_below_two_intervals():
    # 13 others, each at most once in the nights from the 7th on, two a night: the 13th at the latest.
    assert longest_wait(FOURTEEN[0], FOURTEEN[1:]) == 13
    # With eleven retries of others there are 24 turns, hence six nights more, less the half that was free.
    assert longest_wait(FOURTEEN[0], FOURTEEN[1:], retries=11) == 7 + 24 // 2
    assert longest_wait(FOURTEEN[0], []) == 7


def test_a_plan_says_who_comes_when_and_why():
    standings = [standing("a", 14, 7), standing("b", 9, 7, 2), standing("c"), standing("d", 2, failures=2)]
    first, second, third = plan(standings, night(100), 3)
    assert [turn.standing.name for turn in first.turns] == ["c", "a"]
    assert first.turns[0].why == "never refreshed"
    assert first.turns[1].why == (
        "14 nights since the last attempt, interval 7: overdue ratio 2.00, priority 1, score 2.00"
    )
    assert [turn.standing.name for turn in second.turns] == ["d", "b"]  # 3 of 2, and 10 of 7 halved
    assert second.turns[0].why.startswith(
        "3 nights since the last attempt, 2 failed in a row, retry after 2:"
    )
    assert third.turns == ()
    assert longest_waits([standing("a")], FIRST) == {"a": 7}
