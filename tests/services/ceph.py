"""An S3 server from Debian's Ceph packages: one monitor, one object store in memory, one gateway."""

import os
import shutil
import subprocess
import uuid
from pathlib import Path

from tests.services.child import Child, ServerEndedError, require_programs
from tests.services.ports import free_port, wait_until_listening

PACKAGES = "radosgw ceph-mon ceph-osd ceph-common"
PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")

CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
keyring = {folder}/keyring
admin_socket =
pid_file =
run_dir = {folder}
crash_dir = {folder}
log_file =
log_to_stderr = true
err_to_stderr = true
mon_cluster_log_file =
mon_cluster_log_to_file = false
mon_data = {folder}/mon
mon_data_avail_crit = 0
mon_data_avail_warn = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_tick_interval = 1
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 2
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_crush_initial_weight = 1.0
osd_class_load_list = *
osd_class_default_list = *
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
"""

FAILURES = (TimeoutError, ServerEndedError, subprocess.SubprocessError)
"""How a program that does not come up ends."""


class CephGateway:
    """S3 over HTTP with a real key and secret; the gateway can be stopped and started, its objects stay."""

    access_key = "tilewatchtests"
    secret_key = "a-secret-of-the-tests-alone"
    region = "us-east-1"

    def __init__(self, folder: Path) -> None:
        require_programs(PROGRAMS, PACKAGES)
        self.folder = folder
        self._port = free_port()
        self._cluster: list[Child] = []
        self._gateway: Child | None = None

    @property
    def endpoint(self) -> str:
        """Address of the gateway, with its scheme; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start what does not run yet: the cluster with its user, then the gateway.

        On a machine busy with something else a new monitor can stay without a quorum for good, and every
        command to it waits: a cluster that does not come up is made once more, from nothing.
        """
        try:
            if not self._cluster:
                self._start_cluster_or_another()
            self._start_gateway()
        except FAILURES:
            self.end()
            raise

    def _start_cluster_or_another(self) -> None:
        try:
            self._start_cluster()
        except FAILURES:
            self._clear()
            self._start_cluster()

    def _clear(self) -> None:
        """End everything and remove its files, but for the logs."""
        self.end()
        for name in ("mon", "osd", "rgw"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("keyring", "monmap"):
            (self.folder / name).unlink(missing_ok=True)

    def stop(self) -> None:
        """End the gateway alone: requests are refused, the objects stay."""
        if self._gateway is not None:
            self._gateway.kill()
            self._gateway = None

    def end(self) -> None:
        """End everything; the objects are gone."""
        self.stop()
        while self._cluster:
            self._cluster.pop().kill()

    def _start_cluster(self) -> None:
        fsid, osd_uuid = str(uuid.uuid4()), str(uuid.uuid4())
        mon_v1, mon_v2 = free_port(), free_port()
        for name in ("mon", "osd", "rgw"):
            (self.folder / name).mkdir()
        (self.folder / "ceph.conf").write_text(
            CONFIGURATION.format(
                fsid=fsid, folder=self.folder, mon_v1=mon_v1, mon_v2=mon_v2, gateway=self._port
            )
        )
        self._make_keys()
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a",
                  f"[v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]", "monmap")  # fmt: skip
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring")
        self._cluster.append(self._serve("ceph-mon", "-i", "a", name="mon"))
        wait_until_listening(mon_v2, timeout_s=20, check=self._cluster[0].check)

        self._run("ceph", "osd", "new", osd_uuid)
        self._run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd_uuid, "--no-mon-config")
        self._cluster.append(self._serve("ceph-osd", "-i", "0", name="osd"))

        self._run("radosgw-admin", "-n", "client.admin", "user", "create", "--uid=tests",
                  "--display-name=tests", f"--access-key={self.access_key}",
                  f"--secret-key={self.secret_key}")  # fmt: skip

    def _make_keys(self) -> None:
        self._run("ceph-authtool", "--create-keyring", "keyring", "--gen-key", "-n", "mon.",
                  "--cap", "mon", "allow *")  # fmt: skip
        for name in ("client.admin", "osd.0"):
            self._run("ceph-authtool", "keyring", "--gen-key", "-n", name,
                      "--cap", "mon", "allow *", "--cap", "osd", "allow *")  # fmt: skip

    def _start_gateway(self) -> None:
        if self._gateway is None:
            self._gateway = self._serve("radosgw", "-n", "client.admin", name="gateway")
            wait_until_listening(self._port, timeout_s=30, check=self._gateway.check)

    def _serve(self, program: str, *arguments: str, name: str) -> Child:
        command = [program, "-f", "-c", str(self.folder / "ceph.conf"), *arguments]
        return Child.start(command, self.folder, name=name, env=self._environment())

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise ServerEndedError(f"{program} {' '.join(arguments)}: {done.stderr.decode()[-2000:]}")

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "CEPH_CONF": str(self.folder / "ceph.conf"),
        }
