"""The native programs against one another, and against what they must not accept."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading

import pytest

from bench import RigError
from bench.build import is_current, program
from bench.delays import delays_of
from bench.procs import started, wait_until
from bench.scenario import post, request, script
from tests.ports import free_port

USUAL = (post(key="k"),)


def listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture
def native(tmp_path):
    """Start a native program that listens; returns its port."""
    with contextlib.ExitStack() as stack:

        def start(name, *flags):
            port = free_port()
            argv = [program(name), "--listen", f"127.0.0.1:{port}", *map(str, flags)]
            stack.enter_context(started(name, argv, [0], tmp_path / f"{name}.log"))
            wait_until(lambda: listening(port), f"{name} listens")
            return port

        yield start


@pytest.fixture
def load(tmp_path):
    """Run the load generator over a port; returns the finished process."""

    def run(port, *flags, counts=(), requests=USUAL):
        path = tmp_path / "script"
        path.write_bytes(script(requests))
        argv = [program("load"), "--connect", f"127.0.0.1:{port}", "--script", str(path), "--timeout", "30"]
        lines = "".join(f"{count}\n" for count in counts)
        return subprocess.run([*argv, *map(str, flags)], capture_output=True, text=True, check=False, input=lines)

    return run


def reports(done):
    """The lines that a finished load printed."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def exchange(port, *pieces):
    """Send pieces, end the sending side, read all."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("connections", [1, 7, 300])
def test_load_counts_right_answers(native, load, connections):
    port = native("upstream", "--body", 130)
    done = load(port, "--connections", connections, "--length", 130, counts=[1000])
    assert [(one["requests"], one["errors"], one["reconnects"]) for one in reports(done)] == [(1000, 0, 0)]


def test_load_keeps_its_connections_between_slices(native, load):
    port = native("upstream", "--body", 130)
    done = load(port, "--connections", 8, "--length", 130, counts=[100, 3, 200])
    assert [(one["requests"], one["errors"], one["reconnects"]) for one in reports(done)] == [
        (100, 0, 0),
        (3, 0, 0),
        (200, 0, 0),
    ]


def test_load_sends_the_script_in_turn(load):
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _address = server.accept()
            with connection:
                while request := connection.recv(65536):
                    seen.append(request.split(b" ")[1])
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        requests = [post(path=path) for path in ("/a", "/b", "/c")]
        load(server.getsockname()[1], "--connections", 1, counts=[2, 3], requests=requests)
        thread.join()
    assert seen == [b"/a", b"/b", b"/c", b"/a", b"/b"]


def test_load_through_the_relay(native, load):
    port = native("relay", "--upstream", f"127.0.0.1:{native('upstream')}")
    done = load(port, "--length", 130, counts=[2000], requests=(post(), post(100_000)))
    assert reports(done)[0]["requests"] == 2000


def test_load_counts_wrong_lengths_as_errors(native, load):
    port = native("upstream", "--body", 131)
    (report,) = reports(load(port, "--connections", 2, "--length", 130, counts=[20]))
    assert (report["requests"], report["errors"]) == (0, 20)


def test_load_counts_a_wrong_status_as_an_error(native, load):
    (report,) = reports(load(native("upstream"), "--connections", 1, "--status", 201, counts=[5]))
    assert report["errors"] == 5


def test_load_gives_up_when_nothing_is_right(native, load):
    done = load(native("upstream"), "--connections", 4, "--status", 204, counts=[5000])
    assert done.returncode == 1
    assert "more than 1000 errors" in done.stderr


def test_load_opens_a_connection_anew_after_connection_close(load):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            for _ in range(3):
                connection, _address = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        done = load(server.getsockname()[1], "--connections", 1, counts=[3])
        thread.join()
    (report,) = reports(done)
    assert (report["requests"], report["errors"], report["reconnects"]) == (3, 0, 3)


@pytest.mark.parametrize("relayed", [False, True])
def test_load_opens_a_connection_for_each_request_and_leaves_closing_to_the_peer(native, load, relayed):
    port = native("upstream")
    if relayed:
        port = native("relay", "--upstream", f"127.0.0.1:{port}")
    done = load(port, "--fresh", 1, "--sources", 2, "--length", 130, counts=[300, 1, 50], requests=[request(last=True)])
    assert [(one["requests"], one["errors"], one["reconnects"]) for one in reports(done)] == [
        (300, 0, 0),
        (1, 0, 0),
        (50, 0, 0),
    ]


def test_load_at_a_rate_sends_each_request_when_it_is_due(native, load):
    done = load(native("upstream"), "--rate", 2000, "--connections", 3, "--length", 130, counts=[200, 100])
    for one, least in zip(reports(done), (199, 99), strict=True):
        assert (one["requests"], one["errors"], one["reconnects"]) == (least + 1, 0, 0)
        assert one["wall_ns"] >= least * 500_000  # none is sent before its time


def test_load_at_a_rate_counts_the_wait_for_a_busy_connection(load):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _address = server.accept()
            with connection:
                connection.recv(65536)
                threading.Event().wait(0.1)  # the agent is slow once; the test is about who pays
                for _ in range(20):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    connection.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()
        (report,) = reports(load(server.getsockname()[1], "--rate", 1000, "--connections", 1, counts=[20]))
        thread.join()
    delays = delays_of(report)
    assert delays.quantile(0) > 50_000  # all of them were due while the first one was waited for


def test_load_at_a_rate_replaces_a_connection_that_is_lost(load):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"):
                connection, _address = server.accept()
                with connection:
                    while connection.recv(65536) and answer:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        (report,) = reports(load(server.getsockname()[1], "--rate", 1000, "--connections", 1, counts=[10]))
        thread.join()
    assert (report["requests"], report["errors"], report["reconnects"]) == (9, 1, 1)


def test_load_counts_every_answer_in_its_histogram(native, load):
    (report,) = reports(load(native("upstream"), counts=[777]))
    assert sum(count for _value, count in report["histogram"]) == 777
    assert report["p50_ns"] <= report["p99_ns"] <= report["p999_ns"]
    assert report["p50_ns"] in dict(report["histogram"])


def test_load_refuses_a_script_that_is_cut_short(tmp_path):
    (tmp_path / "cut").write_bytes(script([post()])[:-1])
    argv = [program("load"), "--connect", "127.0.0.1:1", "--script", str(tmp_path / "cut")]
    assert "cut short" in subprocess.run(argv, capture_output=True, text=True, check=False).stderr


def test_load_holds_connections_until_its_input_ends(native, load):
    done = load(native("upstream"), "--hold", 1, "--connections", 200, "--sources", 3, "--length", 130)
    report, end = reports(done)
    assert (report["requests"], report["errors"], end["closed"]) == (200, 0, 0)


def test_upstream_answers_pipelined_requests_in_any_pieces(native):
    port = native("upstream", "--body", 60)
    data = post() + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + post()
    whole = exchange(port, data)
    assert whole.count(b"HTTP/1.1 200 OK") == 3
    assert exchange(port, *(data[at : at + 7] for at in range(0, len(data), 7))) == whole
    head, _, body = whole[: len(whole) // 3].partition(b"\r\n\r\n")
    assert b"content-length: 60" in head
    assert json.loads(body)["jsonrpc"] == "2.0"
    assert len(body) == 60


def test_upstream_refuses_chunks(native):
    request = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert exchange(native("upstream"), request).startswith(b"HTTP/1.1 411 ")


def test_upstream_streams_events(native):
    port = native("upstream", "--events", 3, "--interval-us", 2000)
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(post())
        answer = b""
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            piece = connection.recv(65536)
            assert piece, answer
            answer += piece
    assert b"content-type: text/event-stream" in answer
    events = [json.loads(line[6:]) for line in answer.split(b"\n") if line.startswith(b"data: ")]
    times = [event["result"]["metadata"]["at"] for event in events]
    assert len(times) == 3
    assert times == sorted(times)


def test_upstream_closes_behind_the_answer_that_was_to_be_the_last(native):
    port = native("upstream", "--body", 60)
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request() + request(last=True))
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 2


@pytest.fixture
def streams(tmp_path):
    """Run the listening clients over a port; returns the finished process."""

    def run(port, *lines, count=20):
        path = tmp_path / "script"
        path.write_bytes(script(USUAL))
        argv = [program("streams"), "--connect", f"127.0.0.1:{port}", "--script", str(path), "--streams", str(count)]
        told = "".join(f"{line}\n" for line in lines)
        return subprocess.run([*argv, "--timeout", "20"], capture_output=True, text=True, check=False, input=told)

    return run


def test_streams_are_opened_heard_and_closed_again(native, streams):
    agent = native("upstream", "--events", 1_000_000, "--interval-us", 10_000)
    port = native("relay", "--upstream", f"127.0.0.1:{agent}")
    lines = ["open", 200, "close"] * 2
    opened, heard, closed, *again = reports(streams(port, *lines, count=150))
    assert (opened["open"], closed["closed"]) == (150, 150)
    assert again[1]["events"] > 0
    assert sum(count for _value, count in heard["histogram"]) == heard["events"]
    assert 0 < heard["p50_ns"] < heard["wall_ns"]


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_streams_know_events_in_chunks_of_any_size(tmp_path, size):
    """However a proxy cuts the bytes anew, an event is one event; two that come together are noticed."""
    text = b'data: {"a": "\\"at\\"", "at":1000}\n\n' * 2
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    (tmp_path / "script").write_bytes(script(USUAL))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        argv = [program("streams"), "--connect", address, "--script", str(tmp_path / "script"), "--streams", "1"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            client.stdin.write(b"open\n")
            client.stdin.flush()
            connection, _address = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                assert json.loads(client.stdout.readline())["open"] == 1
                connection.sendall(b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts))
                heard = json.loads(client.communicate(b"100\n")[0])
    assert (heard["events"], heard["merged"]) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 503 Down\r\nTransfer-Encoding: chunked\r\n\r\n", "refused"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "in chunks"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "ended"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "no size"),
        (b"", "closed"),
    ],
)
def test_streams_that_are_none_end_the_program(streams, answer, complaint):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _address = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        done = streams(server.getsockname()[1], "open", 500, count=1)
        thread.join()
    assert done.returncode == 1
    assert complaint in done.stderr


def test_a_missing_flag_is_named():
    done = subprocess.run([program("relay")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "--upstream is missing\n")


def test_an_executable_is_current_until_a_source_is_newer(tmp_path):
    source, executable = tmp_path / "a.c", tmp_path / "a"
    source.write_text("int main;")
    assert not is_current(executable, [source])
    executable.write_text("x")
    assert is_current(executable, [source])
    executable.touch()
    os.utime(executable, ns=(1, 1))
    assert not is_current(executable, [source])


def test_a_program_that_does_not_compile_is_told():
    with pytest.raises(RigError, match="does not compile"):
        program("no-such-program")
