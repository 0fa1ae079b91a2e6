"""Hosts: those that files lie at, and which of them are left alone since they do not answer in time.

GDAL says of a read that it failed, not why. One that failed after some seconds has waited for its host.
"""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from mosaics.breaker import Breaker
from mosaics.storage import StorageUnavailableError
from mosaics.storage.descriptors import NoDescriptorsError, are_few

STORE = "s3"
"""Name of the host of the deployment's own bucket."""

SLOW_S = 2.0
"""A read that fails later than this has waited for its host (GDAL gives one up after three seconds)."""

FAILURES = 2
PAUSE_S = 2.0
"""Failures after which a host is left alone, and how long until one read of it is tried."""

MOST = 64
"""Hosts that are remembered."""

_ADDRESS = re.compile(r"/vsicurl(?:/|\?.*?url=)(.+)", re.DOTALL)


class HostAwayError(StorageUnavailableError):
    """The bucket of the deployment does not answer reads of files in time."""


class AvoidedHostError(Exception):
    """A file is not read, since its host has not answered in time; the message names the host."""


def host_of(path: str) -> str:
    """Return the host that a file of GDAL's lies at; empty for one on this machine."""
    if not path.startswith("/vsi"):
        return ""
    address = _ADDRESS.fullmatch(path)
    if address is None:
        return STORE
    try:
        return urlsplit(unquote(address[1])).netloc or "?"
    except ValueError:
        return "?"


class Hosts:
    """What is known of hosts. Any thread may tell and ask."""

    def __init__(self) -> None:
        self._breakers: OrderedDict[str, Breaker] = OrderedDict()
        self._lock = threading.Lock()

    def is_avoided(self, host: str) -> bool:
        """Return whether reads of a host are refused; one that is due to be tried is not."""
        with self._lock:
            found = self._breakers.get(host)
            return found is not None and found.open and not found.is_due

    def may_ask(self, host: str) -> bool:
        """Return whether to read from a host now; once a pause for one that is left alone."""
        with self._lock:
            found = self._breakers.get(host)
            return found is None or not found.open or found.take_trial()

    def failed(self, host: str) -> None:
        """Note that a host has let a read wait."""
        with self._lock:
            if host not in self._breakers:
                self._breakers[host] = Breaker(failures=FAILURES, pause_s=PAUSE_S)
                while len(self._breakers) > MOST:
                    self._breakers.popitem(last=False)
            self._breakers[host].failed()

    def answered(self, host: str) -> None:
        """Note that a host has answered."""
        if host in self._breakers:
            with self._lock:
                self._breakers.pop(host, None)

    def avoided(self) -> Mapping[str, bool]:
        """Return of each host that has let reads wait whether it is left alone."""
        with self._lock:
            return {host: breaker.open for host, breaker in self._breakers.items()}


HOSTS = Hosts()
"""Those that files are read from in this process."""


class Asking:
    """A read of a file that may lie at a host: refused while the host is left alone, noted if it fails."""

    __slots__ = ("_began", "_host")

    def __init__(self, path: str) -> None:
        self._host = host_of(path)
        self._began = time.monotonic()

    def begin(self) -> None:
        """Begin to read.

        Raises:
            AvoidedHostError: If the host is left alone.
        """
        if self._host and not HOSTS.may_ask(self._host):
            raise AvoidedHostError(f"files at {self._host} are not read for a moment: it does not answer")

    def answered(self) -> None:
        """Note that the file was read."""
        if self._host:
            HOSTS.answered(self._host)

    def reason(self, error: Exception) -> StorageUnavailableError | None:
        """Note that it was not; return the error of the whole answer, where it is not one of the file alone.

        A bucket of ours that does not answer makes the answer impossible; a host that a scene refers to costs
        that scene.
        """
        is_refused = isinstance(error, AvoidedHostError)
        if self._host and not is_refused and time.monotonic() - self._began >= SLOW_S:
            HOSTS.failed(self._host)
            is_refused = True
        if is_refused and self._host == STORE:
            return HostAwayError("the bucket does not answer in time")
        return NoDescriptorsError() if are_few() else None
