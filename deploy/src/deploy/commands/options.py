"""The options that several commands have."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from deploy import verify
from deploy.context import Context

Function = TypeVar("Function", bound=Callable[..., Any])


def _sets(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        setattr(ctx.ensure_object(Context), name, value)
        return value

    return callback


def env(function: Function) -> Function:
    """--env, which is required."""
    option = click.option(
        "--env", required=True, expose_value=False, callback=_sets("env"), help="The environment: dev, stage or prod."
    )
    return option(function)


def dry_run(function: Function) -> Function:
    """--dry-run."""
    return click.option(
        "--dry-run",
        is_flag=True,
        expose_value=False,
        callback=_sets("dry_run"),
        help="Show what would be done; change nothing.",
    )(function)


def json_output(function: Function) -> Function:
    """--json."""
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=_sets("json"), help="Print the result as JSON."
    )(function)


def yes(function: Function) -> Function:
    """--yes."""
    return click.option(
        "--yes", is_flag=True, expose_value=False, callback=_sets("yes"), help="Do not ask for confirmation."
    )(function)


def skip(function: Function) -> Function:
    """--skip, once for each item."""
    option = click.option(
        "--skip",
        type=click.Choice(list(verify.ITEMS)),
        multiple=True,
        help="Skip this item of verify; may be repeated.",
    )
    return option(function)
