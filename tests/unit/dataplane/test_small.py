"""The small parts: log lines, metrics, cores, back-off, exit causes, shared memory."""

from __future__ import annotations

import io
import json
import logging
import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agw._fastpath.record import BUCKETS_US, COUNTERS, COUNTERS_SIZE, HISTOGRAMS
from agw.dataplane import metrics
from agw.dataplane.cores import quota, usable_cores, worker_count
from agw.dataplane.logs import Log, capture_standard_logging
from agw.dataplane.place import STEADY, Backoff
from agw.dataplane.process import exit_cause
from agw.dataplane.shared import EXCHANGES_ACTIVE, NOTHING, SharedMemory, settled, total
from agw.dataplane.state import Origin, State, WorkerState


def line(form, write, level="info"):
    stream = io.StringIO()
    write(Log(level, form, stream, process="worker 1"))
    return stream.getvalue()


def test_a_text_line_is_one_line_whatever_is_in_it():
    text = line("text", lambda log: log.info("worker\ndied", cause="a\nb", port=80, none=None, empty="", path="a b=c"))
    assert text.count("\n") == 1
    assert text.split("Z ", 1)[1] == (
        'INFO    worker\\ndied process="worker 1" cause="a\\nb" port=80 empty="" path="a b=c"\n'
    )


def test_a_json_line_is_a_document():
    document = json.loads(line("json", lambda log: log.error("no\nline", port=80, none=None)))
    del document["time"]
    assert document == {"level": "error", "event": "no\nline", "process": "worker 1", "port": 80}


def test_levels():
    def write(log):
        for name in ("debug", "info", "warning", "error"):
            getattr(log, name)(name)

    assert line("text", write, "warning").count("\n") == 2


def test_a_reader_that_goes_away_stops_only_the_log():
    class Gone(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    log = Log(stream=Gone())
    log.error("a")
    log.error("b")


def test_the_standard_librarys_loggers_speak_our_form():
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        capture_standard_logging(Log("info", "json", stream))
        logging.getLogger("asyncio").error("task failed", exc_info=ValueError("deep"))
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
    document = json.loads(stream.getvalue())
    assert (document["logger"], document["level"]) == ("asyncio", "error")
    assert "ValueError: deep" in document["traceback"]


@pytest.mark.parametrize(("text", "cores"), [("max 100000", None), ("200000 100000", 2.0), ("50000 100000", 0.5)])
def test_a_cgroups_quota(text, cores):
    assert quota(text) == cores


def test_workers_are_at_least_two_unless_said_otherwise():
    assert worker_count(1) == 1
    assert worker_count(0) == max(2, usable_cores())


def test_back_off_begins_at_once_and_ends_at_thirty_seconds():
    backoff = Backoff()
    assert [backoff.after(0.1) for _ in range(8)] == [0, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.after(STEADY) == 0
    assert backoff.after(0.1) == 1


def test_exit_causes():
    assert [exit_cause(code) for code in (-9, -11, 1, -60)] == ["SIGKILL", "SIGSEGV", "exit 1", "signal 60"]


def test_the_memory_is_one_and_outlives_its_writer():
    ours = SharedMemory.create(0)
    theirs = SharedMemory.attach(*map(os.dup, ours.fds))
    with memoryview(theirs.counters.memory) as view, view.cast("Q") as numbers:
        numbers[0] = 7
    theirs.close()
    assert ours.values()[0] == 7
    ours.close()


def test_what_is_left_of_a_process_and_how_counts_add_up():
    (peak,) = [index for index, name, *_ in COUNTERS if name == "agw_loop_lag_max_seconds"]
    dead, living = list(NOTHING), list(NOTHING)
    dead[0], dead[EXCHANGES_ACTIVE], dead[peak] = 7, 3, 500
    living[0], living[EXCHANGES_ACTIVE], living[peak] = 1, 2, 20
    counts = total((settled(dead), living))
    assert (counts[0], counts[EXCHANGES_ACTIVE], counts[peak]) == (8, 2, 500)
    assert settled(dead)[0] == 7


def exposition():
    places = [tuple(range(COUNTERS_SIZE // 8)), tuple(range(COUNTERS_SIZE // 8))]
    state = State(ready=True, generation=4, version=9, workers=(WorkerState(0, 1, 9), WorkerState(1)))
    families = metrics.state_families(state, {"SIGKILL": 2, "exit 1": 1}, {"applied": 3, "refused": 1})
    return metrics.render([*metrics.worker_families(places), *families]).decode()


@pytest.mark.parametrize("connected", [True, False])
def test_who_subscribes_tells_whether_it_is_connected(connected):
    state = State(origin=Origin("from the controller", connected=connected))
    text = metrics.render(metrics.state_families(state, {}, {})).decode()
    assert f"\nagw_config_connected {int(connected)}\n" in text
    assert "\nagw_config_connected " not in metrics.render(metrics.state_families(State(), {}, {})).decode()


def test_metrics_read_back_by_prometheus_own_parser():
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposition())
        for sample in family.samples
    }
    index = {(name, label.partition('"')[2].rstrip('"')): index for index, name, label, *_ in COUNTERS}
    assert samples["agw_requests_total",] == 2 * index["agw_requests_total", ""]
    assert samples["agw_responses_total", "5xx"] == 2 * index["agw_responses_total", "5xx"]
    assert samples["agw_config_generation",] == 4
    assert samples["agw_config_reloads_total", "refused"] == 1
    assert samples["agw_worker_exits_total", "SIGKILL"] == 2
    assert samples["agw_workers_serving",] == 1
    assert samples["agw_ready",] == 1


def test_every_family_is_declared_once_and_every_series_is_unique():
    text = exposition().splitlines()
    helps = [one.split()[2] for one in text if one.startswith("# HELP")]
    series = [one.rpartition(" ")[0] for one in text if not one.startswith("#")]
    assert len(helps) == len(set(helps))
    assert len(series) == len(set(series))


def test_a_histogram_is_cumulative_and_in_seconds():
    values = [0] * (COUNTERS_SIZE // 8)
    first, name, _ = HISTOGRAMS[0]
    values[first : first + 18] = [3, 2, *[0] * 14, 1, 1_500_000]
    families = metrics.worker_families([tuple(values), tuple(values)])
    (family,) = text_string_to_metric_families(
        metrics.render([each for each in families if each.name == name]).decode()
    )
    assert family.type == "histogram"
    samples = {(sample.name.removeprefix(name), sample.labels.get("le")): sample.value for sample in family.samples}
    assert samples["_bucket", "0.001"] == 6
    assert samples["_bucket", "0.0025"] == samples["_bucket", "300"] == 10
    assert samples["_bucket", "+Inf"] == samples["_count", None] == 12
    assert samples["_sum", None] == 3
    assert len(samples) == len(BUCKETS_US) + 3
