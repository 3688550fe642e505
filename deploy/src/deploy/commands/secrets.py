"""`deploy secrets`: values go into Parameter Store and are never shown."""

import sys

import click

from deploy import parameters
from deploy.commands.options import dry_run, env, json_output
from deploy.context import Context, pass_context
from deploy.errors import FAULTS, USAGE, DeployError

COMMON = "common"


def scope(environment: str, *, common: bool) -> str:
    return COMMON if common else environment


def value_of(name: str) -> str:
    """The value, typed without echo or read from standard input; never an argument, which others could read."""
    if sys.stdin.isatty():
        value: str = click.prompt(f"Value of {name}", hide_input=True, confirmation_prompt=True, err=True)
    else:
        value = sys.stdin.read().removesuffix("\n")
    if not value:
        raise DeployError(
            f"the value of {name} is empty", hint="type it, or send it to standard input", exit_code=USAGE
        )
    return value


@click.group()
def secrets() -> None:
    """Check, list and put the secrets that task definitions name.

    No value is ever shown.
    """


@secrets.command()
@env
@json_output
@pass_context
def check(context: Context) -> None:
    """Compare the secrets that task definitions name with those that exist.

    The exit code is 3 if a value is missing.
    """
    states = parameters.check(context.clients, context.task_definitions())
    if context.json:
        context.output.result([secret.as_dict() for secret in states])
    else:
        context.output.table(
            ["secret", "state", "containers"],
            [[secret.path, secret.state, ", ".join(secret.containers)] for secret in states],
        )
    lacking = [secret for secret in states if secret.state != parameters.SET]
    if lacking:
        raise DeployError(
            "; ".join(f"{secret.path} is {secret.state}" for secret in lacking),
            hint=f"deploy secrets put --env {context.env} NAME",
            exit_code=FAULTS,
        )


@secrets.command("list")
@env
@click.option("--common", is_flag=True, help="List the parameters that all environments share.")
@json_output
@pass_context
def list_(context: Context, *, common: bool) -> None:
    """List the parameters of an environment with their metadata."""
    found = parameters.listed(context.clients.ssm, context.project, scope(context.env, common=common))
    if context.json:
        context.output.result([parameter.as_dict() for parameter in found])
        return
    context.output.table(
        ["parameter", "state", "version", "changed"],
        [
            [parameter.path, parameter.state, str(parameter.version), f"{parameter.modified:%Y-%m-%d %H:%M}"]
            for parameter in found
        ],
    )


@secrets.command()
@env
@click.argument("name")
@click.argument("rest", nargs=-1, metavar="", type=click.UNPROCESSED)
@click.option("--common", is_flag=True, help="Put a parameter that all environments share.")
@click.option("--generate", is_flag=True, help="Generate a random value, which nobody sees.")
@dry_run
@json_output
@pass_context
def put(context: Context, name: str, rest: tuple[str, ...], *, common: bool, generate: bool) -> None:
    """Put a value into a declared parameter.

    The value is typed without echo, read from standard input, or generated.
    """
    if rest or "=" in name:
        # The message leaves out the value, which is already in the shell's history.
        raise DeployError(
            "a value must not be given on the command line, where others can read it",
            hint="give only the name, then type the value or send it to standard input",
            exit_code=USAGE,
        )
    path = parameters.path(context.project, scope(context.env, common=common), name)
    parameter = parameters.declared(context.clients.ssm, path)
    if context.dry_run:
        context.output.step(f"{path} (version {parameter.version}) would get a new value")
        context.output.result({"path": path, "version": parameter.version})
        return
    value = parameters.generate() if generate else value_of(name)
    version = parameters.put(context.clients.ssm, parameter, value)
    context.output.step(
        f"{path} has version {version}; containers get it when their tasks start: deploy redeploy --env {context.env}"
    )
    context.output.result({"path": path, "version": version})
