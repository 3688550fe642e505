"""manage.py evaluate: who is held out, what is printed, and that no database is asked."""

import gzip
import io
import json
import logging
import os
import zlib
from dataclasses import replace

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from adaptivity.model_versions.jobs.evaluate import MODELS, dataset, evaluate

MEASURES = {"auc", "log_loss", "rmse", "accuracy", "ece", "responses", "fit_seconds"}


@pytest.fixture
def path(tmp_path):
    """60 learners of 20 responses to 10 items, the odd ones hard; one row without a score."""
    random = np.random.default_rng(3)
    lines = ["learner,item,kcs,score"]
    for learner in range(60):
        for _ in range(20):
            item = int(random.integers(10))
            score = int(random.random() < (0.3 if item % 2 else 0.8))
            lines.append(f"u{learner},q{item},k{item % 3};k{item % 4},{score}")
    lines.append("u1,q1,k1,")
    file = tmp_path / "scores.csv.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    return file


def test_learners_are_held_out_by_their_hash(path):
    data = dataset(path)

    assert data.refused == 1
    assert data.responses.item.size == 1200
    held_out = {name for name, held in zip(data.names, data.held_out, strict=True) if held}
    assert held_out == {f"u{n}" for n in range(60) if zlib.crc32(f"u{n}".encode()) % 5 == 0}


def test_learners_of_two_platforms_are_two_though_they_have_one_id(tmp_path):
    file = tmp_path / "scores.csv"
    rows = [f"u1,q{n},k,{n % 2},{campus}" for n in range(4) for campus in ("north", "south")]
    file.write_text("\n".join(["learner,item,kcs,score,tool_consumer_instance_guid", *rows]))

    data = dataset(file)

    assert data.names == ("u1", "u1")
    assert np.bincount(data.responses.learner).tolist() == [4, 4]


HEADER = "learner,item,kcs,score,timestamp,event_id,tool_consumer_instance_guid\n"


def test_a_repeated_event_counts_once_and_one_with_another_content_is_refused(tmp_path):
    """As at an import; who answers an item twice is told by other event ids, or by none."""
    file = tmp_path / "scores.csv"
    rows = [
        "u1,q1,k,1,2024-01-01T00:00:00Z,e1,",
        "u1,q2,k,0.5,,e2,",
        "u2,q1,k,1,2024-01-01T00:00:00Z,e1,",
        "u1,q1,k,1,2024-01-01T00:00:00Z,e1,north",
        "u1,q1,k,1,2024-01-01T00:00:00Z,e3,",
        "u1,q1,k,1,2024-01-01T00:00:00Z,,",
    ]
    again = ["u1,q1,k,1,2024-01-01T01:00:00+01:00,e1,", "u1,q2,k,0.5,,e2,"]
    other = ["u1,q2,k,1,2024-01-01T00:00:00Z,e1,", "u1,q1,k,0,2024-01-01T00:00:00Z,e1,", "u1,q1,k,1,,e1,",
             "u1,q2,k,0.5,2024-01-01T00:00:00Z,e2,"]  # fmt: skip
    file.write_text(HEADER + "\n".join(rows))
    once = dataset(file)
    file.write_text(HEADER + "\n".join(rows + again + rows[:5] + other))

    data = dataset(file)

    assert (once.responses.item.size, once.repeated, once.refused) == (6, 0, 0)
    assert (data.repeated, data.refused) == (7, 4)
    assert data.first_refusal == "line 15: event_id: was used for other content of this learner before"
    assert data.names == once.names
    for name in ("learner", "item", "score"):
        assert getattr(data.responses, name).tolist() == getattr(once.responses, name).tolist()


def test_a_file_written_twice_is_evaluated_as_if_written_once(path, tmp_path, capsys):
    """The second time, each response would be known from the first."""
    rows = gzip.decompress(path.read_bytes()).decode().splitlines()[1:-1]
    rows = [f"{row},2024-01-01T00:{n // 60 % 60:02}:{n % 60:02}Z,e{n}," for n, row in enumerate(rows)]
    found = []
    for times in (1, 2):
        (tmp_path / "again.csv").write_text(HEADER + "\n".join(rows * times))
        call_command("evaluate", tmp_path / "again.csv", "--json", "--model", "hybrid")
        printed = capsys.readouterr()
        found.append(json.loads(printed.out)["models"]["hybrid"])
        said = "1200 rows of the file repeat a learner's event_id and count once"
        assert (said in printed.err) == (times == 2)

    assert all(found[0][name] == found[1][name] for name in ("responses", "auc", "log_loss"))


def test_json(path, capsys):
    call_command("evaluate", path, "--json")

    models = json.loads(capsys.readouterr().out)["models"]
    assert list(models) == list(MODELS)
    assert all(set(figures) == MEASURES for figures in models.values())
    held_out = sum(zlib.crc32(f"u{n}".encode()) % 5 == 0 for n in range(60)) * 20
    assert {figures["responses"] for figures in models.values()} == {held_out}
    assert models["constant"]["auc"] == 0.5
    assert models["item_mean"]["auc"] > 0.7
    assert models["hybrid"]["log_loss"] < models["constant"]["log_loss"] - 0.05


def test_a_table_of_the_models_asked_for(path, capsys):
    call_command("evaluate", path, "--model", "constant", "--model", "em")

    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.split()[0] for line in lines] == ["model", "constant", "em"]
    assert lines[0].split()[-1] == "responses/s"
    # Progress, and what was left out, are told beside.
    assert '"event": "progress"' in printed.err
    assert "1 rows of the file were refused and left out; the first: line 1202: score: " in printed.err


def changed_by_the_future(predict, test):
    """Whether a prediction changes with what the learner does at it or later; and whether any does with the past."""
    position = np.array([np.sum(test.learner[:row] == test.learner[row]) for row in range(test.learner.size)])
    planted = replace(test, score=np.where(position >= 10, 1.0 - test.score, test.score))
    before, after = predict(test), predict(planted)
    return not np.array_equal(after[position <= 10], before[position <= 10]), not np.array_equal(after, before)


def test_no_prediction_knows_the_future(path):
    data = dataset(path)
    train, test = data.responses.of(~data.held_out), data.responses.of(data.held_out)

    found = {name: changed_by_the_future(fit(train, data.fold, lambda *_: None), test) for name, fit in MODELS.items()}

    # Those that trace learners do learn from the past.
    assert found == {name: (False, name not in {"constant", "item_mean"}) for name in MODELS}


def test_a_planted_leak_is_caught(path):
    """A model whose predictions hold a little of the next response, as a feature off by one row would."""
    data = dataset(path)
    train, test = data.responses.of(~data.held_out), data.responses.of(data.held_out)
    honest = MODELS["hybrid"](train, data.fold, lambda *_: None)

    def off_by_one(responses):
        return 0.9 * honest(responses) + 0.1 * np.roll(responses.score, -1)

    assert changed_by_the_future(off_by_one, test)[0]
    assert not changed_by_the_future(honest, test)[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("learner,item,kcs,score\n", "scores.csv: has no usable row$"),
        (
            "learner,item,kcs,score,timestamp\nu1,q1,k1,1,2999-01-01T00:00:00Z\nu1,q1,k1,7,\n",
            "has no usable row; 2 were refused, the first is line 2: timestamp: is in the future",
        ),
        ("learner,item,score\nu1,q1,1\n", "the header lacks the column kcs"),
        ("learner,item,kcs,score\nu1,q1,k1,1\n", "the file has too few learners"),
    ],
)
def test_a_file_that_cannot_be_evaluated(tmp_path, text, problem):
    file = tmp_path / "scores.csv"
    file.write_text(text)

    with pytest.raises(CommandError, match=problem) as error:
        call_command("evaluate", file)
    assert error.value.returncode == 2


def test_a_pipe_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    # Both ends in one: whoever opens an end alone waits for the other.
    both = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        os.write(both, b"learner,item,kcs,score\n")
        with pytest.raises(CommandError, match=r"/pipe: is a pipe or device; save it as a file first") as error:
            call_command("evaluate", tmp_path / "pipe")
    finally:
        os.close(both)
    assert error.value.returncode == 2


def test_log_lines_go_to_standard_output_again_afterwards(path, capsys):
    streams = [handler.stream for handler in logging.getLogger().handlers if handler.get_name() == "stdout"]
    call_command("evaluate", path, "--model", "constant")
    assert [h.stream for h in logging.getLogger().handlers if h.get_name() == "stdout"] == streams != []


def test_log_lines_have_a_place_where_standard_output_was_closed(path, capsys, monkeypatch):
    closed = io.TextIOWrapper(io.BytesIO())
    (handler,) = (found for found in logging.getLogger().handlers if found.get_name() == "stdout")
    monkeypatch.setattr(handler, "stream", closed)
    closed.close()

    call_command("evaluate", path, "--model", "constant")

    assert handler.stream is closed
    assert '"event": "progress"' in capsys.readouterr().err


def test_an_unknown_model(path):
    with pytest.raises(Exception, match="dkt: is not one of constant, item_mean"):
        evaluate(dataset(path), models=["dkt"])
