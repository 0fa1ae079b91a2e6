"""The campaign: its table, how answers are judged, and the line to a store that misbehaves."""

import socket
import threading

import httpx
import pytest

from scripts.campaigns.load import Told, check_once, digest
from scripts.campaigns.row import Row, markdown
from tests.services.store_line import Fault, StoreLine

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\nConnection: close\r\n\r\n" + b"x" * 40


def test_a_row_leaves_empty_what_could_not_be():
    (head, _, row) = markdown([Row("a fault", 1200, 0, 3, recovered_s=0.25, remarks="3 of 503")])
    assert head.startswith("| scenario | requests | wrong tiles | lost scenes |")
    assert row == "| a fault | 1,200 | 0 |  | 3 | 0.2 |  | 3 of 503 |"


def test_recovery_counts_from_the_end_of_the_fault_to_the_last_failure():
    told = Told(failures=[(10.0, "503"), (14.5, "ReadTimeout"), (14.0, "503")])
    assert told.recovered_s(12.0) == 2.5
    assert told.recovered_s(20.0) == 0
    assert Told().recovered_s(12.0) == 0
    assert told.kinds == "2 of 503, 1 of ReadTimeout"


def test_a_tile_that_says_what_it_lacks_is_not_wrong():
    answers = {
        "/same": httpx.Response(200, content=b"a"),
        "/other": httpx.Response(200, content=b"b"),
        "/empty": httpx.Response(204),
        "/lacking": httpx.Response(200, content=b"b", headers={"X-Tilewatch-Skipped": "1"}),
        "/busy": httpx.Response(503),
    }
    transport = httpx.MockTransport(lambda request: answers[request.url.path])
    before = dict.fromkeys(answers, digest(answers["/same"]))
    with httpx.Client(transport=transport, base_url="http://tilewatch.test") as client:
        told = check_once(client, before)
    assert (told.requests, told.wrong_ones, told.skipped) == (5, ["/other", "/empty"], 1)
    assert [kind for _, kind in told.failures] == ["503"]


@pytest.fixture
def line():
    """A line to a server that answers every connection with 40 bytes."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                client.sendall(HELLO)

    threading.Thread(target=serve, daemon=True).start()
    line = StoreLine(f"http://127.0.0.1:{server.getsockname()[1]}")
    yield line
    line.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.mark.parametrize(
    ("fault", "status"), [(Fault.NONE, 200), (Fault.BUSY, 503), (Fault.BROKEN, 500), (Fault.SLOW, 200)]
)
def test_a_line_carries_or_answers_itself(line, fault, status):
    line.fault = fault
    assert httpx.get(line.endpoint).status_code == status


def test_every_second_request_is_refused(line):
    line.fault = Fault.HALF
    assert sorted(httpx.get(line.endpoint).status_code for _ in range(4)) == [200, 200, 503, 503]


def test_answers_are_cut_or_do_not_come(line):
    line.fault = Fault.CUT
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(line.endpoint)
    line.fault = Fault.HUNG
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(line.endpoint, timeout=0.3)
    line.fault = Fault.NONE
