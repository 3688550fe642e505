"""Receipts keep their candidates and states as bytes of a fixed form; those that are there are converted."""

import io
import struct
import zipfile

import numpy as np
from django.db import migrations, models

HEAD = struct.Struct("<BIII")
CANDIDATE = ("activity", "remediation", "continuity", "difficulty", "readiness", "total", "propensity")
BATCH = 500
UNREADABLE = (EOFError, KeyError, TypeError, ValueError, struct.error, zipfile.BadZipFile)


def state_as_bytes(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        mastery, done, relevance = (arrays[name] for name in ("mastery", "done", "last_relevance"))
    last = np.flatnonzero(relevance)
    return b"".join(
        (
            HEAD.pack(1, mastery.size, done.size, last.size),
            mastery.astype("<f8").tobytes(),
            np.packbits(done).tobytes(),
            last.astype("<u4").tobytes(),
            relevance[last].astype("<f8").tobytes(),
        )
    )


def state_as_archive(data):
    _, kcs, items, count = HEAD.unpack_from(data)
    done_at = HEAD.size + 8 * kcs
    last_at = done_at + -(-items // 8)
    relevance = np.zeros(kcs)
    relevance[np.frombuffer(data, "<u4", count, last_at)] = np.frombuffer(data, "<f8", count, last_at + 4 * count)
    done = np.unpackbits(np.frombuffer(data, np.uint8, last_at - done_at, done_at), count=items).astype(bool)
    buffer = io.BytesIO()
    mastery = np.frombuffer(data, "<f8", kcs, HEAD.size)
    np.savez_compressed(buffer, mastery=mastery, done=done, last_relevance=relevance)
    return buffer.getvalue()


def candidates_as_bytes(candidates):
    columns = [np.array([entry[name] for entry in candidates], "<f8") for name in CANDIDATE]
    columns[0] = columns[0].astype("<i8")
    return b"".join(column.tobytes() for column in columns)


def candidates_as_objects(data):
    count = len(data) // (8 * len(CANDIDATE))
    values = np.frombuffer(data, "<f8").reshape(len(CANDIDATE), count)
    columns = [np.frombuffer(data, "<i8", count).tolist(), *values[1:].tolist()]
    return [dict(zip(CANDIDATE, row, strict=True)) for row in zip(*columns, strict=True)]


def convert(apps, change):
    model = apps.get_model("adaptivity", "DecisionReceipt")
    last = 0
    while rows := list(model.objects.filter(pk__gt=last).order_by("pk")[:BATCH]):
        kept = []
        for row in rows:
            try:
                change(row)
            except UNREADABLE:
                # What cannot be read could not be replayed before either, and stays as it is.
                continue
            kept.append(row)
        model.objects.bulk_update(kept, ["state", "best", "candidates"])
        last = rows[-1].pk


def forwards(apps, schema_editor):
    def change(row):
        row.state, row.best = state_as_bytes(bytes(row.state)), candidates_as_bytes(row.candidates)

    convert(apps, change)


def backwards(apps, schema_editor):
    def change(row):
        row.state, row.candidates = state_as_archive(bytes(row.state)), candidates_as_objects(bytes(row.best))

    convert(apps, change)


class Migration(migrations.Migration):

    dependencies = [
        ("adaptivity", "0010_voided_statements"),
    ]

    operations = [
        migrations.AddField(
            model_name="decisionreceipt",
            name="best",
            field=models.BinaryField(
                default=b"", help_text="Candidates: activity, sub-scores, total and propensity."
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="decisionreceipt",
            name="candidates",
            field=models.JSONField(default=list, help_text="The best ones: activity, sub-scores, total and propensity."),
        ),
        migrations.RunPython(forwards, backwards),
        migrations.RemoveField(model_name="decisionreceipt", name="candidates"),
    ]
