"""Writes a tracking log as Open edX does, and the course it belongs to, for measuring `import_evidence`.

    python -m benchmarks.tracking_log LOG --course COURSE [--lines 1000000] [--learners 5000] [--problems 2000]

A quarter of the lines are graded problems (`problem_check` from the server). The others are further reports of browsers
and the server: pages left, videos played, the same answers as sent by the browser. The same arguments give the same
files. LOG is compressed if its name ends in .gz.
"""

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

COURSE = "course-v1:Adaptivity+Fractions+2026"
BLOCK = "block-v1:Adaptivity+Fractions+2026+type@problem+block@{:032x}"
LAUNCH = "https://lms.example/courses/" + COURSE + "/jump_to/"
START = datetime(2026, 1, 12, 8, tzinfo=UTC)
KCS = 50
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"


def usage_id(problem: int) -> str:
    """The id of the course's problem with this number."""
    return BLOCK.format(problem)


def course(problems: int) -> str:
    """The course as `load_course` reads it; each problem has one or two of the KCs."""
    kcs = min(KCS, problems)
    lines = ["format = 1", "[course]", 'title = "Fractions"', "[[collections]]", 'collection_id = "fractions"']
    lines.append('name = "Fractions"')
    for kc in range(kcs):
        lines += ["[[knowledge_components]]", f'kc_id = "kc-{kc}"', f'name = "KC {kc}"']
    for problem in range(problems):
        tags = sorted({problem % kcs, problem * 7 % kcs})
        lines += [
            "[[activities]]",
            f'source_launch_url = "{LAUNCH}{usage_id(problem)}"',
            f'name = "Problem {problem}"',
            'type = "problem"',
            'collections = ["fractions"]',
            "knowledge_components = [" + ", ".join(f'{{kc_id = "kc-{kc}"}}' for kc in tags) + "]",
        ]
    return "\n".join(lines) + "\n"


def events(lines: int, learners: int, problems: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """The log's entries in time order; one in four is a graded problem."""
    chance = random.Random(seed)
    attempts: dict[tuple[int, int], int] = {}
    at = START
    for number in range(lines):
        at += timedelta(microseconds=chance.randrange(1, 400_000))
        learner, problem = 1 + chance.randrange(learners), chance.randrange(problems)
        if number % 4 == 0:
            attempts[learner, problem] = attempts.get((learner, problem), 0) + 1
            yield graded(at, learner, problem, attempts[learner, problem], chance)
        else:
            yield other(at, learner, problem, chance)


def common(at: datetime, learner: int) -> dict[str, Any]:
    """The fields of every entry."""
    return {
        "username": f"learner{learner}",
        "ip": f"192.0.2.{learner % 250}",
        "agent": AGENT,
        "host": "lms.example",
        "referer": f"https://lms.example/courses/{COURSE}/courseware/",
        "accept_language": "en-US,en;q=0.9",
        "session": f"{learner:032x}",
        "time": at.isoformat(),
    }


def graded(at: datetime, learner: int, problem: int, attempts: int, chance: random.Random) -> dict[str, Any]:
    """A problem graded by the server."""
    block = usage_id(problem)
    part = f"{problem:032x}_2_1"
    greatest = 1 + problem % 4
    grade = chance.randrange(greatest + 1)
    correctness = "correct" if grade == greatest else "incorrect"
    path = f"/courses/{COURSE}/xblock/{block}/handler/xmodule_handler/problem_check"
    return {
        **common(at, learner),
        "event_type": "problem_check",
        "event_source": "server",
        "name": "problem_check",
        "page": "x_module",
        "context": {
            "course_id": COURSE,
            "course_user_tags": {},
            "module": {"display_name": f"Problem {problem}", "usage_key": block},
            "org_id": "Adaptivity",
            "path": path,
            "user_id": learner,
        },
        "event": {
            "answers": {part: "choice_1"},
            "attempts": attempts,
            "correct_map": {
                part: {
                    "answervariable": None,
                    "correctness": correctness,
                    "hint": "",
                    "hintmode": None,
                    "msg": "",
                    "npoints": grade,
                    "queuestate": None,
                }
            },
            "grade": grade,
            "max_grade": greatest,
            "problem_id": block,
            "state": {"correct_map": {}, "done": None, "input_state": {part: {}}, "seed": 1, "student_answers": {}},
            "submission": {
                part: {
                    "answer": "3/4",
                    "correct": grade == greatest,
                    "input_type": "choicegroup",
                    "question": "Which fraction is larger?",
                    "response_type": "multiplechoiceresponse",
                    "variant": "",
                }
            },
            "success": correctness,
        },
    }


def other(at: datetime, learner: int, problem: int, chance: random.Random) -> dict[str, Any]:
    """An entry that is not a graded problem, although it may mention one."""
    context = {"course_id": COURSE, "org_id": "Adaptivity", "path": "/event", "user_id": learner}
    kind = chance.choice(("page_close", "play_video", "seq_next", "problem_check", "handler"))
    entry = {**common(at, learner), "context": context, "event_source": "browser", "event_type": kind, "name": kind}
    if kind == "problem_check":
        entry["event"] = f"input_{problem:032x}_2_1=choice_1"
    elif kind == "handler":
        entry["event_source"] = "server"
        entry["event_type"] = f"/courses/{COURSE}/xblock/{usage_id(problem)}/handler/xmodule_handler/problem_check"
        entry["event"] = json.dumps({"POST": {f"input_{problem:032x}_2_1": ["choice_1"]}, "GET": {}})
    else:
        position = {"id": f"{problem:032x}", "code": "html5", "currentTime": chance.randrange(600) / 10, "duration": 90}
        entry["event"] = json.dumps(position)
    entry["page"] = f"https://lms.example/courses/{COURSE}/courseware/week_{problem % 12}/lesson_{problem % 40}/"
    return entry


def write_log(path: Path, *, lines: int, learners: int, problems: int, seed: int = 1) -> None:
    """Writes the log."""
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        for event in events(lines, learners, problems, seed):
            file.write(json.dumps(event) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tracking_log", description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("--course", type=Path, required=True, help="the course file to write")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--learners", type=int, default=5000)
    parser.add_argument("--problems", type=int, default=2000)
    arguments = parser.parse_args()
    arguments.course.write_text(course(arguments.problems), encoding="utf-8")
    write_log(arguments.log, lines=arguments.lines, learners=arguments.learners, problems=arguments.problems)


if __name__ == "__main__":
    main()
