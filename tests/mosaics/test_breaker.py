"""The breaker opens after failures in a row and lets one trial through a pause."""

from mosaics.breaker import Breaker


class Clock:
    """Seconds, moved by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_it_opens_after_three_failures_in_a_row():
    breaker = Breaker(failures=3)
    breaker.failed()
    breaker.failed()
    assert not breaker.open
    breaker.failed()
    assert breaker.open


def test_an_answer_in_between_begins_the_count_again():
    breaker = Breaker(failures=2)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert not breaker.open


def test_a_closed_breaker_gives_no_trial():
    assert not Breaker().take_trial()


def test_one_trial_is_given_after_each_pause():
    clock = Clock()
    breaker = Breaker(failures=1, pause_s=1.0, clock=clock)
    breaker.failed()
    assert not breaker.take_trial()
    clock.now_s += 1.0
    assert breaker.take_trial()
    assert not breaker.take_trial()  # the first is still under way
    assert breaker.open
    clock.now_s += 1.0
    assert breaker.take_trial()  # the first never told


def test_a_failed_trial_waits_a_whole_pause_and_a_successful_one_closes():
    clock = Clock()
    breaker = Breaker(failures=3, pause_s=1.0, clock=clock)
    for _ in range(3):
        breaker.failed()
    clock.now_s += 1.0
    assert breaker.take_trial()
    clock.now_s += 0.5
    breaker.failed()
    clock.now_s += 0.9
    assert not breaker.take_trial()
    clock.now_s += 0.1
    assert breaker.take_trial()
    breaker.succeeded()
    assert not breaker.open
