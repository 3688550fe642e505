"""Every field of every body, given what it cannot be: 400, the field named, nothing changed."""

import json

import pytest

from tests.support.api import ANNA, HALVES, THIRDS, TOO_LARGE_FOR_A_FLOAT, refusals

MISSING = object()

SCORE = {"learner": ANNA, "activity": HALVES, "score": 0.5, "timestamp": "2024-01-01T00:00:00Z", "event_id": "e"}
RECOMMEND = {
    "learner": ANNA,
    "collection": "fractions",
    "sequence": [{"activity": THIRDS}, {"activity": HALVES, "score": 0.5, "is_problem": True}],
}
MASTERY = {"learner": ANNA, "knowledge_component": {"kc_id": "half"}, "value": 0.5}
ACTIVITY = {
    "source_launch_url": "new",
    "name": "",
    "difficulty": 0.5,
    "tags": "",
    "type": "",
    "include_adaptive": True,
    "collections": [],
    "knowledge_components": [],
    "prerequisite_activities": [],
}
COLLECTION = {"collection_id": "new", "name": "", "max_problems": 1, "stop_on_mastery": True}
KNOWLEDGE_COMPONENT = {"kc_id": "new", "name": "", "mastery_prior": 0.5}
ENTRY = {"source_launch_url": "new", "name": "", "tags": "", "type": "", "difficulty": 0.5}

OPERATIONS = {
    "score": ("POST", "score", SCORE),
    "recommend": ("POST", "activity/recommend", RECOMMEND),
    "grade": ("POST", "collection/fractions/grade", {"learner": ANNA}),
    "mastery": ("POST", "mastery", MASTERY),
    "bulk": ("PUT", "mastery/bulk_update", [MASTERY, {**MASTERY, "learner": {"user_id": "bert"}}]),
    "activity": ("POST", "activity", ACTIVITY),
    "change activity": ("PATCH", "activity/{activity}", ACTIVITY),
    "collection": ("POST", "collection", COLLECTION),
    "change collection": ("PUT", "collection/fractions", COLLECTION),
    "entries": ("POST", "collection/fractions/activities", [{"source_launch_url": HALVES}, ENTRY]),
    "kc": ("POST", "knowledge_component", KNOWLEDGE_COMPONENT),
    "change kc": ("PUT", "knowledge_component/half", KNOWLEDGE_COMPONENT),
    "prerequisite activity": ("POST", "prerequisite_activity", {"from_activity": 0, "to_activity": 0}),
    "prerequisite kc": (
        "POST",
        "prerequisite_knowledge_component",
        {"prerequisite": 0, "knowledge_component": 0, "value": 0.5},
    ),
    "collection activity": ("POST", "collection_activity", {"activity": 0, "collection": 0}),
}

# Operation, field, its greatest length; whether it may be blank, null, left out.
TEXTS = [
    ("score", "learner.user_id", 255, ""),
    ("score", "learner.tool_consumer_instance_guid", 255, "blank missing"),
    ("score", "activity", 500, ""),
    ("score", "event_id", 255, "null missing"),
    ("recommend", "learner.user_id", 255, ""),
    ("recommend", "learner.tool_consumer_instance_guid", 255, "blank missing"),
    ("recommend", "collection", 255, ""),
    ("recommend", "sequence.1.activity", 500, ""),
    ("grade", "learner.user_id", 255, ""),
    ("grade", "learner.tool_consumer_instance_guid", 255, "blank missing"),
    ("mastery", "learner.user_id", 255, ""),
    ("mastery", "knowledge_component.kc_id", 255, ""),
    ("bulk", "1.learner.user_id", 255, ""),
    ("bulk", "1.knowledge_component.kc_id", 255, ""),
    ("activity", "source_launch_url", 500, ""),
    ("activity", "name", 255, "blank missing"),
    ("activity", "tags", None, "blank null missing"),
    ("activity", "type", 255, "blank missing"),
    ("change activity", "source_launch_url", 500, "missing"),
    ("change activity", "name", 255, "blank missing"),
    ("collection", "collection_id", 255, ""),
    ("collection", "name", 255, "blank"),
    ("change collection", "collection_id", 255, ""),
    ("change collection", "name", 255, "blank"),
    ("entries", "1.source_launch_url", 500, ""),
    ("entries", "1.name", 255, "blank missing"),
    ("entries", "1.tags", None, "blank null missing"),
    ("entries", "1.type", 255, "blank missing"),
    ("kc", "kc_id", 255, ""),
    ("kc", "name", 255, "blank"),
    ("change kc", "kc_id", 255, ""),
    ("change kc", "name", 255, "blank"),
]
PROBABILITIES = [
    ("score", "score", ""),
    ("recommend", "sequence.1.score", "null missing"),
    ("mastery", "value", ""),
    ("bulk", "1.value", ""),
    ("activity", "difficulty", "null missing"),
    ("change activity", "difficulty", "null missing"),
    ("entries", "1.difficulty", "null missing"),
    ("kc", "mastery_prior", "null missing"),
    ("change kc", "mastery_prior", "null missing"),
    ("prerequisite kc", "value", "missing"),
]
FLAGS = [
    ("recommend", "sequence.1.is_problem", "null missing"),
    ("activity", "include_adaptive", "missing"),
    ("change activity", "include_adaptive", "missing"),
    ("collection", "stop_on_mastery", "missing"),
    ("change collection", "stop_on_mastery", "missing"),
]
ID_LISTS = [
    (operation, field)
    for operation in ("activity", "change activity")
    for field in ("collections", "knowledge_components", "prerequisite_activities")
]
REFERENCES = [
    ("prerequisite activity", "from_activity"),
    ("prerequisite activity", "to_activity"),
    ("prerequisite kc", "prerequisite"),
    ("prerequisite kc", "knowledge_component"),
    ("collection activity", "activity"),
    ("collection activity", "collection"),
]
OBJECTS = [
    ("score", "learner"),
    ("recommend", "learner"),
    ("grade", "learner"),
    ("mastery", "learner"),
    ("mastery", "knowledge_component"),
    ("bulk", "1.learner"),
    ("bulk", "1.knowledge_component"),
]


def text_refusals(field, longest, allowed):
    yield from [(0.5, "invalid"), (True, "invalid"), (["a"], "invalid"), ({"a": "b"}, "invalid")]
    yield "a\0b", "null_characters_not_allowed"
    yield "a\ud800", "surrogate_characters_not_allowed"
    # Of all texts, only a user_id may be a number, and that has to be whole.
    yield (10**400, "max_length") if field.endswith("user_id") else (1, "invalid")
    if longest:
        yield "x" * (longest + 1), "max_length"
    if "blank" not in allowed:
        yield from [("", "blank"), (" \t\n", "blank")]


PROBABILITY_REFUSALS = [
    (7, "max_value"),
    (1.0000001, "max_value"),
    ("7", "max_value"),
    (-1, "min_value"),
    (-5e-324, "min_value"),
    ("-0.5", "min_value"),
    (True, "invalid"),
    (False, "invalid"),
    ("NaN", "invalid"),
    ("Infinity", "invalid"),
    ("1e999", "invalid"),
    (TOO_LARGE_FOR_A_FLOAT, "invalid"),
    (10**400, "overflow"),
    ("", "invalid"),
    ("half", "invalid"),
    ("0_1", "invalid"),
    ("٠", "invalid"),
    ("0\0", "invalid"),
    ("0.5\n", "invalid"),
    ("\ud800", "invalid"),
    ("0" * 1001, "max_string_length"),
    ([0.5], "invalid"),
    ({"a": 0.5}, "invalid"),
]
FLAG_REFUSALS = [(value, "invalid") for value in (0, 1, "true", "false", "", "\ud800", [], [True], {}, 1.0)]
WHOLE_NUMBER_REFUSALS = [
    (-1, "min_value"),
    ("-1", "min_value"),
    (2**31, "max_value"),
    (10**4000, "max_value"),
    (TOO_LARGE_FOR_A_FLOAT, "invalid"),
    (1.5, "invalid"),
    ("1.5", "invalid"),
    ("1_0", "invalid"),
    ("٣", "invalid"),
    ("", "invalid"),
    ("1\0", "invalid"),
    ("\ud800", "invalid"),
    ("9" * 1001, "max_string_length"),
    (True, "invalid"),
    ([1], "invalid"),
    ({}, "invalid"),
]
ID_LIST_REFUSALS = [
    ("1", "not_a_list"),
    (1, "not_a_list"),
    (True, "not_a_list"),
    ({"0": 1}, "not_a_list"),
    ([987654321], "does_not_exist"),
    ([1] * 10_001, "max_length"),
]
ID_IN_LIST_REFUSALS = [
    ({"id": 1}, "invalid"),
    ([1], "invalid"),
    (True, "invalid"),
    ("a", "invalid"),
    ("\ud800", "invalid"),
    (1.5, "invalid"),
    (0, "min_value"),
    (-1, "min_value"),
    (2**63, "max_value"),
    (10**4000, "max_value"),
]
REFERENCE_REFUSALS = [
    (987654321, "does_not_exist"),
    (0, "does_not_exist"),
    (-1, "does_not_exist"),
    (2**63, "does_not_exist"),
    (10**4000, "does_not_exist"),
    (True, "invalid"),
    (1.5, "invalid"),
    ("a", "invalid"),
    ("1_0", "invalid"),
    ("1\0", "invalid"),
    ("\ud800", "invalid"),
    ("9" * 1001, "max_string_length"),
    ([1], "invalid"),
    ({"id": 1}, "invalid"),
    ("", "null"),
]
OBJECT_REFUSALS = [(value, "invalid") for value in ("anna", 1, True, [ANNA])]
SEQUENCE_REFUSALS = [
    ({"activity": HALVES}, "not_a_list"),
    (HALVES, "not_a_list"),
    (1, "not_a_list"),
    (True, "not_a_list"),
    ([{"activity": HALVES}] * 10_001, "max_length"),
]
ITEM_REFUSALS = [(value, "invalid") for value in ("a", 1, True, [], [{}])]

# Operation, field, what it cannot be, and what it may be beyond a value of its type.
TABLE = [
    *((operation, field, list(text_refusals(field, longest, may)), may) for operation, field, longest, may in TEXTS),
    *((operation, field, PROBABILITY_REFUSALS, may) for operation, field, may in PROBABILITIES),
    *((operation, field, FLAG_REFUSALS, may) for operation, field, may in FLAGS),
    ("collection", "max_problems", WHOLE_NUMBER_REFUSALS, "null missing"),
    ("change collection", "max_problems", WHOLE_NUMBER_REFUSALS, "null missing"),
    *((operation, field, ID_LIST_REFUSALS, "missing") for operation, field in ID_LISTS),
    *((operation, f"{field}.0", ID_IN_LIST_REFUSALS, "missing") for operation, field in ID_LISTS),
    *((operation, field, REFERENCE_REFUSALS, "") for operation, field in REFERENCES),
    *((operation, field, OBJECT_REFUSALS, "") for operation, field in OBJECTS),
    ("recommend", "sequence", SEQUENCE_REFUSALS, "null missing"),
    ("recommend", "sequence.1", ITEM_REFUSALS, "missing"),
    ("bulk", "1", ITEM_REFUSALS, "missing"),
    ("entries", "1", ITEM_REFUSALS, "missing"),
]


def put(body, field, value):
    """A copy of the body with the value at the field; lists grow by it where the field is a new index."""
    body = holder = json.loads(json.dumps(body))
    *way, last = [int(key) if key.isdigit() else key for key in field.split(".")]
    for key in way:
        holder = holder[key]
    if value is MISSING:
        del holder[last]
    elif isinstance(holder, list) and last == len(holder):
        holder.append(value)
    else:
        holder[last] = value
    return body


@pytest.fixture
def request_of(course):
    """Method, path and body of an operation, with the ids of this test's course."""
    ids = {
        "from_activity": course["activities"][0],
        "to_activity": course["activities"][1],
        "activity": course["activities"][0],
        "collection": course["collection"],
        "prerequisite": course["half"],
        "knowledge_component": course["third"],
    }

    def find(operation):
        method, path, body = OPERATIONS[operation]
        if isinstance(body, dict):
            body = {key: ids[key].id if value == 0 and key in ids else value for key, value in body.items()}
        return method, path.format(activity=course["activities"][1].id), body

    return find


@pytest.mark.parametrize(("operation", "field", "refused", "may"), TABLE, ids=[f"{row[0]}-{row[1]}" for row in TABLE])
def test_a_field_that_is_not_what_it_has_to_be(api, request_of, unchanged, operation, field, refused, may):
    method, path, body = request_of(operation)
    refused = [
        *refused,
        *([] if "null" in may else [(None, "null")]),
        *([] if "missing" in may else [(MISSING, "required")]),
    ]

    with unchanged():
        answers = [api(method, path, put(body, field, value)) for value, _ in refused]

    assert [answer.status_code for answer in answers] == [400] * len(refused)
    assert [refusals(answer) for answer in answers] == [[(field, code)] for _, code in refused]
    assert {answer.json()["code"] for answer in answers} == {"invalid"}


@pytest.mark.parametrize(("operation", "field"), OBJECTS)
def test_an_object_without_its_key(api, request_of, unchanged, operation, field):
    method, path, body = request_of(operation)
    key = "user_id" if field.endswith("learner") else "kc_id"

    with unchanged():
        response = api(method, path, put(body, field, {"other": 1}))

    assert response.status_code == 400
    assert refusals(response) == [(f"{field}.{key}", "required")]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_that_is_no_object_or_list(api, request_of, unchanged, operation):
    method, path, _ = request_of(operation)
    bodies = [b"null", b"1", b'"text"', b"true", b"1e999", b'"\\ud800"']

    with unchanged():
        answers = [api(method, path, body) for body in bodies]

    assert [answer.status_code for answer in answers] == [400] * len(bodies)
    assert [[field for field, _ in refusals(answer)] for answer in answers] == [[""]] * len(bodies)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_list_for_an_object_and_the_other_way_round(api, request_of, unchanged, operation):
    method, path, body = request_of(operation)

    with unchanged():
        response = api(method, path, body[0] if isinstance(body, list) else [body])

    assert response.status_code == 400
    assert refusals(response) == [("", "not_a_list" if isinstance(body, list) else "invalid")]


@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - {"change activity"}))
def test_an_empty_object(api, request_of, unchanged, operation):
    method, path, body = request_of(operation)

    with unchanged():
        response = api(method, path, [{}] if isinstance(body, list) else {})

    assert response.status_code == 400
    assert {code for _, code in refusals(response)} == {"required"}


def test_several_wrong_fields_are_all_named(api, course, unchanged):
    body = {"learner": {"user_id": " ", "tool_consumer_instance_guid": 1}, "activity": None, "score": "NaN"}

    with unchanged():
        response = api.post("score", body)

    assert refusals(response) == [
        ("learner.user_id", "blank"),
        ("learner.tool_consumer_instance_guid", "invalid"),
        ("activity", "null"),
        ("score", "invalid"),
    ]
    assert response.json()["detail"] == "learner.user_id: This field may not be blank."


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_bodies_of_this_file_are_right_but_for_the_one_field(api, request_of, operation):
    method, path, body = request_of(operation)
    if operation == "collection activity":
        body["collection"] = api.post("collection", {"collection_id": "another", "name": ""}).json()["id"]

    response = api(method, path, body)

    assert response.status_code in {200, 201}
