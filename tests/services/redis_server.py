"""A Redis server of Debian's package, with nothing on disk."""

from pathlib import Path

from tests.services.child import Child, ServerEndedError, require_programs
from tests.services.ports import free_port, wait_until_listening


class RedisServer:
    """One Redis on one port; it can be stopped and started again, or paused, to act out an outage."""

    def __init__(self, folder: Path) -> None:
        require_programs(["redis-server"], "redis-server")
        self.folder = folder
        self.port = free_port()
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Address of database 0; the same after a restart."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server, empty, and wait until it accepts connections; nothing happens when it runs."""
        if self._child is not None:
            return
        child = Child.start(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port),
             "--save", "", "--appendonly", "no", "--dir", str(self.folder)],
            self.folder,
            name="redis",
        )  # fmt: skip
        try:
            wait_until_listening(self.port, timeout_s=10, check=child.check)
            child.check()
        except (TimeoutError, ServerEndedError):
            child.kill()
            raise
        self._child = child

    def stop(self) -> None:
        """End the server: open connections break and new ones are refused."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def pause(self) -> None:
        """Let the server hang until `resume`: it accepts connections and answers nothing."""
        if self._child is not None:
            self._child.pause()

    def resume(self) -> None:
        """Let a paused server go on."""
        if self._child is not None:
            self._child.resume()
