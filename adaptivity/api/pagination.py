"""Lists in pages of limit and offset."""

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

# The largest integer that every database takes as an offset.
MAX_OFFSET = 2**63 - 1


class Pagination(LimitOffsetPagination):
    """``{count, next, previous, results}``, 100 a page unless ``limit`` says otherwise, at most 1,000."""

    default_limit = 100
    max_limit = 1000

    def get_limit(self, request: Request) -> int | None:
        return min(_number(request, "limit", minimum=1) or self.default_limit, self.max_limit)

    def get_offset(self, request: Request) -> int:
        return _number(request, "offset", minimum=0) or 0


def _number(request: Request, name: str, *, minimum: int) -> int | None:
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not (text.isascii() and text.isdigit() and minimum <= number <= MAX_OFFSET):
        raise ValidationError({name: [f"Must be a whole number, at least {minimum}."]}, code="invalid")
    return number
