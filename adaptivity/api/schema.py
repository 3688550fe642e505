"""Schema details that drf-spectacular cannot detect: fields that accept more than they return, documented routes."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

from adaptivity.api.fields import MAX_LIST, NUMBER_TEXT, WHOLE_NUMBER_TEXT

DOCUMENTED = ("/api/v2/", "/health/", "/ready/", "/version/")


def documented_routes(endpoints: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leaves out the old prefix, which has the same routes for older clients."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(DOCUMENTED)]


def lists_are_bounded(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Sets the maximum length of request bodies that are lists of objects, and of such lists inside bodies."""
    bodies = [operation.get("requestBody", {}) for path in result["paths"].values() for operation in path.values()]
    schemas = [media["schema"] for body in bodies for media in body.get("content", {}).values()]
    for name, component in result["components"]["schemas"].items():
        if name.endswith("Request"):
            schemas += component["properties"].values()
    for schema in schemas:
        if "array" in schema.get("type", ""):
            schema["maxItems"] = MAX_LIST
    return result


def answers_are_whole(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Makes every field of responses required, including those that a request may leave out or set to null."""
    for name, component in result["components"]["schemas"].items():
        if name.endswith("Request") or "properties" not in component:
            continue
        component["required"] = [field for field in component["properties"] if field != "explanation"]
        for field, schema in component["properties"].items():
            schema.pop("maxItems", None)  # limits one request, not what many requests built
            if field in {"tags", "timestamp"}:
                schema["type"] = "string"
    return result


class NumberExtension(OpenApiSerializerFieldExtension):
    target_class = "adaptivity.api.fields.NumberField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return number_or_text("number", NUMBER_TEXT.pattern, self.target, direction)


class WholeNumberExtension(OpenApiSerializerFieldExtension):
    target_class = "adaptivity.api.fields.WholeNumberField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return number_or_text("integer", WHOLE_NUMBER_TEXT.pattern, self.target, direction)


class ReferenceExtension(OpenApiSerializerFieldExtension):
    target_class = "adaptivity.api.fields.ReferenceField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return number_or_text("integer", WHOLE_NUMBER_TEXT.pattern, self.target, direction)


class UserIdExtension(OpenApiSerializerFieldExtension):
    target_class = "adaptivity.api.fields.UserIdField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        kind = ["string", "integer"] if direction == "request" else "string"
        return {"type": kind, "maxLength": self.target.max_length}


def number_or_text(kind: str, pattern: str, field: Any, direction: str) -> dict[str, Any]:
    """A number within the field's range. Requests may also send its digits as text."""
    number: dict[str, Any] = {"type": kind}
    if getattr(field, "min_value", None) is not None:
        number["minimum"] = field.min_value
    if getattr(field, "max_value", None) is not None:
        number["maximum"] = field.max_value
    if direction == "response":
        return number
    text = {"type": "string", "pattern": pattern, "maxLength": 1000, "description": "The number as text."}
    return {"anyOf": [number, text]}
