"""The servers of the tests are real, restart under the same address and die with their starter."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import botocore.session
import pytest
import redis
from botocore.exceptions import ClientError

from tests.services.ceph import CephGateway
from tests.services.child import MissingProgramError, require_programs
from tests.services.ports import free_port, is_listening, wait_until_listening
from tests.services.postgres import LAUNCHER, PostgresServer
from tests.services.redis_server import RedisServer

STARTER = """
import sys, time
from pathlib import Path
from tests.services.redis_server import RedisServer
server = RedisServer(Path(sys.argv[1]))
server.start()
print(server.port, flush=True)
time.sleep(60)
"""


def s3_client(secret: str):
    return botocore.session.Session().create_client(
        "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=os.environ["AWS_REGION"],
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key=secret,
    )  # fmt: skip


def test_redis_is_empty_after_a_restart_under_the_same_address(redis_server: RedisServer):
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("kept", b"1")
    redis_server.stop()
    with redis.Redis.from_url(redis_server.url) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("kept") is None


def test_paused_redis_accepts_and_does_not_answer(redis_server: RedisServer):
    redis_server.pause()
    try:
        impatient = redis.Redis.from_url(redis_server.url, socket_timeout=0.1, retry=None)
        with impatient as client, pytest.raises(redis.TimeoutError):
            client.ping()
    finally:
        redis_server.resume()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping() is True


def test_s3_refuses_a_wrong_secret_and_a_second_create(s3: CephGateway, s3_address: str):
    bucket = s3_address.split("/")[2]
    right, wrong = s3_client(s3.secret_key), s3_client("not the secret")
    right.put_object(Bucket=bucket, Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        right.put_object(Bucket=bucket, Key="once", Body=b"second", IfNoneMatch="*")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.get_object(Bucket=bucket, Key="once")
    s3.stop()
    s3.start()
    with right.get_object(Bucket=bucket, Key="once")["Body"] as body:
        assert body.read() == b"first"
    right.close()
    wrong.close()


def test_server_dies_with_a_starter_that_was_killed(tmp_path: Path):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    with starter:
        assert starter.stdout is not None
        port = int(starter.stdout.readline())
        assert is_listening(port)
        starter.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while is_listening(port) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_listening(port)


def test_postgres_keeps_what_was_committed_when_it_crashes(postgres: PostgresServer):
    database = postgres.clone("tilewatch").rpartition("/")[2]
    postgres.psql(database, "create table kept as select 7 as number")
    postgres.stop()
    assert not is_listening(postgres.port)
    postgres.start()
    assert postgres.psql(database, "select number from kept") == "7"


def test_postgres_lets_no_one_in_without_the_password(postgres: PostgresServer):
    address = re.sub(":[^:/]+@", ":wrong@", postgres.url("tilewatch"))
    done = subprocess.run(["psql", "-c", "select 1", address], capture_output=True, text=True, check=False)
    assert (done.returncode, "password authentication failed" in done.stderr) == (2, True)


def test_postgres_ends_in_order_with_a_starter_that_was_killed():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        port, log = free_port(), Path(folder) / "log"
        command = f"{LAUNCHER} {folder}/private {port} -c fsync=off > {log} 2>&1 & sleep 60"
        with subprocess.Popen(["bash", "-c", command], start_new_session=True) as starter:
            try:
                wait_until_listening(port, timeout_s=60, check=lambda: None)
            finally:
                starter.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while "database system is shut down" not in log.read_text().partition("listening on")[2]:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    assert not is_listening(port)


def test_missing_program_names_the_packages():
    with pytest.raises(MissingProgramError, match="apt-get install tools-of-nowhere"):
        require_programs(["no-such-program"], "tools-of-nowhere")
