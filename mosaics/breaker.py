"""A circuit breaker: after several consecutive failures, the other side is avoided for a while."""

import time
from collections.abc import Callable


class Breaker:
    """Closed while the other side answers; opens after consecutive failures; allows a trial after a pause.

    Used from one thread only, or under a lock.
    """

    def __init__(
        self, *, failures: int = 3, pause_s: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._pause_s = pause_s
        self._clock = clock
        self._failed_in_a_row = 0
        self._failed_at = float("-inf")
        self._next_trial: float | None = None

    @property
    def open(self) -> bool:
        """Whether the other side is to be avoided."""
        return self._next_trial is not None

    @property
    def is_due(self) -> bool:
        """Whether it is time to try the other side again."""
        return self._next_trial is not None and self._clock() >= self._next_trial

    def take_trial(self) -> bool:
        """Return whether to try the other side now: true once per pause while open. Report the outcome."""
        if not self.is_due:
            return False
        self._next_trial = self._clock() + self._pause_s
        return True

    def succeeded(self) -> None:
        """Note that the other side answered, and close."""
        self._failed_in_a_row = 0
        self._next_trial = None

    def failed(self, *, began: float | None = None) -> None:
        """Note that the other side did not answer; open after enough consecutive failures.

        Args:
            began: When the attempt began, on the breaker's clock; attempts side by side count as one failure
                then. None counts each.
        """
        if began is not None and began < self._failed_at:
            return
        self._failed_at = self._clock()
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._limit:
            self._next_trial = self._clock() + self._pause_s
