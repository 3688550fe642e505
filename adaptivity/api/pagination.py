"""Pages of lists, by limit and offset."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

# The largest offset that every database accepts.
MAX_OFFSET = 2**63 - 1


class Pagination(LimitOffsetPagination):
    """``{count, next, previous, results}``, with ``limit`` entries per page: 100 by default, at most 1,000."""

    default_limit = 100
    max_limit = 1000

    def get_limit(self, request: Request) -> int | None:
        return min(_number(request, "limit", minimum=1, default=self.default_limit), self.max_limit)

    def get_offset(self, request: Request) -> int:
        return _number(request, "offset", minimum=0, default=0)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter(
                "limit", 1, f"Number of entries per page. Default: {self.default_limit}. Maximum: {self.max_limit}."
            ),
            _parameter("offset", 0, "Number of entries before the page. Default: 0."),
        ]


def _parameter(name: str, minimum: int, description: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": minimum, "maximum": MAX_OFFSET}
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _number(request: Request, name: str, *, minimum: int, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    # Text with more digits than any number in range is not converted, because that would take quadratic time.
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and minimum <= int(text) <= MAX_OFFSET):
        raise ValidationError({name: [f"Must be a whole number, at least {minimum}."]}, code="invalid")
    return int(text)
