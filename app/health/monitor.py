"""The monitor: checks every part on request, and remembers since when one fails.

A report is never older than a few seconds: one written to a file would stay unchanged after its writer had
died.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.health.finding import Check, Finding

log = logging.getLogger(__name__)

CHECK_S = 8.0
"""How long a check may take. Each part has shorter time-outs of its own."""

FRESH_S = 2.0
"""Requests within this time get the same report, so that frequent requests cost nothing."""

WATCH_S = 15.0
"""How often the monitor checks by itself, for metrics and to know since when a part fails."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of checking every part."""

    checked_at: datetime
    findings: Mapping[str, Finding]
    """By part."""
    since: Mapping[str, datetime]
    """When each failing part started to fail."""

    @property
    def ok(self) -> bool:
        """Whether every part works."""
        return all(finding.ok for finding in self.findings.values())

    def document(self) -> dict[str, Any]:
        """Return the report, ready for JSON."""
        return {
            "status": "ok" if self.ok else "failing",
            "checked_at": self.checked_at.isoformat(timespec="seconds"),
            "failing": [name for name, finding in self.findings.items() if not finding.ok],
            "checks": {
                name: finding.document(self.since.get(name)) for name, finding in self.findings.items()
            },
        }


class HealthMonitor:
    """Monitor of the parts of one worker's deployment.

    Args:
        checks: The checks, by name of the part.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self.latest: Report | None = None
        """The latest report."""
        self._checks = dict(checks)
        self._since: dict[str, datetime] = {}
        self._looking: asyncio.Task[Report] | None = None
        self._looked_s = float("-inf")

    async def report(self) -> Report:
        """Return a report that is at most `FRESH_S` old."""
        if self.latest is not None and time.monotonic() - self._looked_s < FRESH_S:
            return self.latest
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="health")
        return await asyncio.shield(self._looking)

    async def watch(self) -> None:
        """Check repeatedly until cancelled; the first time after everything has had time to start."""
        while True:
            await asyncio.sleep(WATCH_S)
            await self.report()

    async def _look(self) -> Report:
        found = await asyncio.gather(*(self._ask(name, check) for name, check in self._checks.items()))
        findings = dict(zip(self._checks, found, strict=True))
        now = datetime.now(UTC)
        for name, finding in findings.items():
            if finding.ok:
                if self._since.pop(name, None) is not None:
                    log.warning("%s works again", name)
            elif name not in self._since:
                self._since[name] = finding.since or now
                log.error("%s is failing: %s", name, finding.says)
            elif finding.since is not None:
                self._since[name] = finding.since
        self.latest = Report(now, findings, dict(self._since))
        self._looked_s = time.monotonic()
        return self.latest

    async def _ask(self, name: str, check: Check) -> Finding:
        try:
            async with asyncio.timeout(CHECK_S):
                return await check()
        except TimeoutError:
            return Finding(False, f"It did not answer within {CHECK_S:g} s.")
        except Exception as error:
            log.exception("the check of %s failed", name)
            return Finding(False, f"It could not be checked ({type(error).__name__}).")
