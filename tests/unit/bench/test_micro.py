"""The loops over hot functions do their work, and instructions are read from where they were counted."""

from __future__ import annotations

import os

import pytest

from bench.micro import instructions, native
from bench.micro.hot import CALLS, functions
from bench.micro.instructions import Counts, inclusive, symbol
from bench.micro.table import lines, publish
from bench.stats import Spread


@pytest.fixture(scope="module")
def loops():
    return functions()


def test_every_loop_does_its_work(loops):
    done = {name: loop(CALLS) for name, loop in loops.items()}
    assert {name for name, result in done.items() if not result} == set()
    assert len(done) == 9


def test_a_head_is_written_as_it_was_read():
    made, host = native.loops(), b"POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 3\r\n\r\n"
    assert made.request_head(host, 1) == 2
    assert made.write_request(host, 1) == len(host)
    assert made.chunked_body(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 2) == 5
    assert made.envelope(b"[]", 1) is False
    with pytest.raises(ValueError, match="none"):
        made.write_response(b"HTTP/1.1 2", 1)


def test_loops_that_are_older_than_a_declaration_are_compiled_again(tmp_path, monkeypatch):
    rule, made = tmp_path / "rule.pxd", tmp_path / f"{native.NAME}.cpython.so"
    for path in (rule, made):
        path.write_text("")
    monkeypatch.setattr(native, "HOME", tmp_path)
    monkeypatch.setattr(native, "rules", lambda: [rule])
    os.utime(made, (1_000, 1_000))
    assert native.compiled() is None
    os.utime(rule, (1_000, 1_000))
    assert native.compiled() == made


OUT = """\
fn=(7) __pyx_f_11bench_loops__request
12 40
fn=(9) _PyEval_EvalFrameDefault
cfn=(8) __pyx_pw_11bench_loops_1request_head
calls=2 130
+3 5000
12 7
cfn=(8)
calls=1 130
* 2500
cfn=(10) __pyx_pw_3agw_9_fastpath_4keys_6KeySet_5bench_lookup
calls=1 177
180 900
"""


def test_the_cost_of_a_function_is_that_of_all_its_calls():
    assert inclusive(OUT, symbol("request_head")) == 7500
    assert inclusive(OUT, symbol("key_check")) == 900
    assert inclusive(OUT, symbol("envelope")) == 0


def test_without_a_counter_and_without_valgrind_nothing_is_counted_and_it_is_said(monkeypatch):
    def refused():
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(instructions, "by_processor", refused)
    monkeypatch.setattr(instructions.shutil, "which", lambda _: None)
    counts = instructions.count()
    assert counts.each == {}
    assert "perf_event_open: No such file or directory" in counts.by
    assert "apt-get install valgrind" in counts.by


def test_the_table_has_both_figures_where_there_are_both(tmp_path):
    times = {"a": Spread(10.0, 9.0, 11.0, 5), "b": Spread(20.0, 19.0, 21.0, 5)}
    counts = Counts("callgrind", {"a": 60.4})
    assert lines(times, counts) == [("a", "10.0", "9.0 to 11.0", "60"), ("b", "20.0", "19.0 to 21.0", "")]
    assert "counted by callgrind" in publish(times, counts, tmp_path)
    assert "| a | 10.0 |" in (tmp_path / "micro.md").read_text()
