"""Database constraints that several models share."""

from django.db.models import CheckConstraint, F, Q
from django.db.models.functions import Length, Trim
from django.db.models.lookups import GreaterThan, LessThanOrEqual


def is_probability(*fields: str) -> list[CheckConstraint]:
    """Each field lies in [0, 1], or is null if the column allows it. NaN is never stored.

    PostgreSQL refuses NaN, and SQLite stores it as null.
    """
    return [
        CheckConstraint(
            name=f"%(class)s_{field}_probability",
            condition=Q(**{f"{field}__gte": 0.0, f"{field}__lte": 1.0}),
            violation_error_message=f"{field} must lie between 0 and 1.",
        )
        for field in fields
    ]


def not_blank(*fields: str) -> list[CheckConstraint]:
    """Each text field has at least one character other than a space."""
    return [
        CheckConstraint(
            name=f"%(class)s_{field}_not_blank",
            condition=GreaterThan(Length(Trim(F(field))), 0),
            violation_error_message=f"{field} must not be blank.",
        )
        for field in fields
    ]


def informative(guess: str = "guess", slip: str = "slip") -> CheckConstraint:
    """guess + slip <= 1, so that a right answer never speaks against mastery."""
    return CheckConstraint(
        name="%(class)s_guess_plus_slip",
        condition=LessThanOrEqual(F(guess) + F(slip), 1.0),
        violation_error_message="guess and slip must not add up to more than 1.",
    )


def different(first: str, second: str) -> CheckConstraint:
    """The two ends of an edge differ."""
    return CheckConstraint(
        name="%(class)s_no_self_prerequisite",
        condition=~Q(**{first: F(second)}),
        violation_error_message="Nothing can be its own prerequisite.",
    )
