"""The thread that writes receipts: in order, in batches, within bounds, and what it loses is counted."""

import threading
from datetime import UTC, datetime

from structlog.testing import capture_logs

from adaptivity.recommendation.services import receipts as service
from adaptivity.recommendation.services.receipts import BATCH, Recorder

AT = datetime(2024, 3, 1, tzinfo=UTC)


class TestRecorder:
    def test_everything_is_written_in_order_when_it_is_flushed(self):
        written = []
        recorder = Recorder(lambda batch: written.append([entry for _, entry in batch]))
        for number in range(2 * BATCH + 5):
            recorder.hand((AT, number))

        recorder.flush()

        assert [entry for batch in written for entry in batch] == list(range(2 * BATCH + 5))
        assert max(map(len, written)) <= BATCH
        assert recorder.lost == 0
        recorder.hand((AT, "later"))
        recorder.flush()
        assert written[-1] == ["later"]

    def test_what_comes_within_a_moment_is_written_at_once(self, monkeypatch):
        monkeypatch.setattr(service, "SECONDS_BETWEEN_BATCHES", 60.0)
        enough, written = threading.Event(), []

        def write(batch):
            written.append(len(batch))
            enough.set()

        recorder = Recorder(write)
        for number in range(BATCH - 1):
            recorder.hand((AT, number))
        assert written == []
        recorder.hand((AT, "the one that makes it a batch"))
        assert enough.wait(30)
        recorder.hand((AT, "another"))
        recorder.flush()
        assert written == [BATCH, 1]

    def test_one_alone_does_not_wait_for_others(self):
        written = threading.Event()
        recorder = Recorder(lambda _: written.set())
        recorder.hand((AT, 0))
        assert written.wait(30)
        recorder.flush()

    def test_what_waits_is_bounded_in_bytes_too(self, monkeypatch):
        monkeypatch.setattr(service, "SECONDS_BETWEEN_BATCHES", 60.0)
        monkeypatch.setattr(service, "QUEUED_BYTES", 100)
        written = []
        recorder = Recorder(written.extend)
        recorder.hand((AT, "large, but alone"), size=101)
        recorder.hand((AT, "too much"), size=1)
        recorder.flush()
        recorder.hand((AT, "half"), size=50)
        recorder.hand((AT, "whole"), size=50)
        recorder.hand((AT, "too much"), size=1)
        recorder.flush()
        assert [entry for _, entry in written] == ["large, but alone", "half", "whole"]
        assert recorder.lost == 2

    def test_a_full_queue_loses_the_new_ones_and_nobody_waits(self):
        writing, go_on = threading.Event(), threading.Event()
        written = []

        def write(batch):
            writing.set()
            assert go_on.wait(30)
            written.extend(entry for _, entry in batch)

        recorder = Recorder(write, capacity=2)
        recorder.hand((AT, 0))
        assert writing.wait(30)
        with capture_logs() as logs:
            for number in range(1, 6):
                recorder.hand((AT, number))
        go_on.set()
        recorder.flush()

        assert written == [0, 1, 2]
        assert recorder.lost == 3
        # One line and not three.
        assert [(entry["event"], entry["log_level"], entry["reason"]) for entry in logs] == [
            ("receipts_lost", "error", "Full")
        ]

    def test_what_fails_twice_is_lost_and_the_next_is_written(self):
        calls = []

        def write(batch):
            entries = [entry for _, entry in batch]
            calls.append(entries)
            if entries == ["bad"] or calls.count(entries) < 2:
                raise RuntimeError

        recorder = Recorder(write)
        with capture_logs() as logs:
            recorder.hand((AT, "bad"))
            recorder.flush()
            recorder.hand((AT, "good the second time"))
            recorder.flush()

        assert calls == [["bad"], ["bad"], ["good the second time"], ["good the second time"]]
        assert recorder.lost == 1
        assert [(entry["lost"], entry["reason"]) for entry in logs] == [(1, "RuntimeError")]

    def test_flushing_ends_in_time(self):
        go_on = threading.Event()
        recorder = Recorder(lambda _: go_on.wait(30))
        recorder.hand((AT, 0))
        recorder.hand((AT, 1))
        recorder.flush(seconds=0.05)
        assert recorder.lost == 2
        go_on.set()
        recorder.flush()
