"""The servers of the tests are real, restart under the same address and die with their starter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import botocore.session
import pytest
import redis
from botocore.exceptions import ClientError

from tests.services.ceph import CephGateway
from tests.services.child import MissingProgramError, require_programs
from tests.services.ports import is_listening
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


def test_missing_program_names_the_packages():
    with pytest.raises(MissingProgramError, match="apt-get install tools-of-nowhere"):
        require_programs(["no-such-program"], "tools-of-nowhere")
