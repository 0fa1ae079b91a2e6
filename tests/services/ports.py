"""Free TCP ports on the loopback address."""

import socket
import time
from collections.abc import Callable


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def is_listening(port: int) -> bool:
    """Whether something accepts connections on 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_listening(port: int, *, timeout_s: float, check: Callable[[], None]) -> None:
    """Wait for a server to accept connections.

    Args:
        port: The port of 127.0.0.1 to try.
        timeout_s: How long to try.
        check: Called between tries; raises when waiting on is pointless.

    Raises:
        TimeoutError: The port stayed closed.
    """
    deadline = time.monotonic() + timeout_s
    while not is_listening(port):
        check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on 127.0.0.1:{port} after {timeout_s} s")
        time.sleep(0.02)
