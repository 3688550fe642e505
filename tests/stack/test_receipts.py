"""Receipts on the real service: every recommendation has one once it has stopped, and each can be made again."""

from functools import partial
from pathlib import Path

from tests.support.service import Service, manage, running, service_environment, together


def test_every_answer_has_its_receipt_when_the_service_has_stopped(service: Service, name: str, tmp_path: Path) -> None:
    kc = service.post("/api/v2/knowledge_component", {"kc_id": name, "name": name})["id"]
    collection = service.post("/api/v2/collection", {"collection_id": name, "name": name})["id"]
    for number in range(20):
        url = f"https://lms.example.org/{name}/{number}"
        body = {"source_launch_url": url, "knowledge_components": [kc], "collections": [collection]}
        service.post("/api/v2/activity", body)

    with running(service.database, service.token, tmp_path / "output", RECEIPTS="all") as recording:
        answers = []
        for round_ in range(4):
            calls = [
                partial(
                    recording.call,
                    "POST",
                    "/api/v2/activity/recommend",
                    {"learner": {"user_id": f"{name}-{learner}"}, "collection": name},
                )
                for learner in range(16)
            ]
            answers += [response.json()["source_launch_url"] for response in together(calls)]
            if not round_:
                for learner in range(4):
                    score = {"learner": {"user_id": f"{name}-{learner}"}, "activity": answers[learner], "score": 1.0}
                    recording.post("/api/v2/score", score)

    receipts = service.database.rows(
        "SELECT activity.source_launch_url FROM adaptivity_decisionreceipt receipt"
        " JOIN adaptivity_activity activity ON activity.id = receipt.activity WHERE receipt.collection_id = %s",
        collection,
    )
    assert sorted(url for (url,) in receipts) == sorted(answers)
    assert "receipts_lost" not in (tmp_path / "output").read_text()
    printed = manage("replay_recommendations", env=service_environment(service.database))
    assert printed.splitlines()[-1] == "64 recommendations replayed, 0 different, 0 not readable"
