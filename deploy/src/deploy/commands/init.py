"""create, init, plan, apply, all, rollback, destroy, verify: an environment's stack."""

from datetime import UTC, datetime

import click

from deploy import ecs, foundation, images, terraform
from deploy import verify as verification
from deploy.cli import Context, dry_run, env, json_output, pass_context, yes
from deploy.errors import FAILED_DEPLOYMENT, FAULTS, REFUSED, DeployError

# What has the job's task definition: applied first, so that the new version's migrations run before its services.
JOB = "module.job"
SETTLE_SECONDS = 900
SKIP = click.Choice(list(verification.ITEMS))


@click.command()
@env
@yes
@dry_run
@pass_context
def create(context: Context) -> None:
    """Make what an environment needs before its first version.

    The bucket of Terraform's state, the stack that environments share (repositories, common parameters), and of the
    environment's own its network, roles, log group, database and parameters; then the parameters that can be generated
    get their values. What is there is left as it is, so it may be run again.
    """
    foundation.create(context)


@click.command()
@env
@pass_context
def init(context: Context) -> None:
    """Fetch the provider, connect to the state and choose the environment's workspace."""
    context.app.init()
    context.output.line(f"{context.app.directory.relative_to(context.config.root)} is at workspace {context.env}")


def versioned(context: Context, tag: str) -> terraform.Stack:
    """The environment's stack, to be planned with the images of a version."""
    stack = context.app
    stack.variables = {
        "app_tag": images.checked(tag),
        "app_image": context.config.app_image,
        "nginx_image": context.config.nginx_image,
    }
    return stack


def show(context: Context, planned: terraform.Plan) -> None:
    for change in planned.changes:
        context.output.step(str(change))
    if planned.is_empty:
        context.output.step("nothing to change")
    else:
        outputs = f"; outputs that change: {', '.join(planned.outputs)}" if planned.outputs else ""
        context.output.step(f"{planned.summary()}{outputs}")


@click.command()
@env
@click.option("--tag", help="The version; without it the one that runs.")
@click.option("--full", is_flag=True, help="The whole plan, as Terraform words it.")
@json_output
@pass_context
def plan(context: Context, tag: str | None, *, full: bool) -> None:
    """Show what apply would change; nothing is changed."""
    stack = versioned(context, tag or context.stack().app_tag)
    with stack.plan() as planned:
        show(context, planned)
        if full:
            context.output.line(stack.show(planned))
        context.output.result(
            {"changes": [change.as_dict() for change in planned.changes], "outputs": list(planned.outputs)}
        )


def findings_of(context: Context, tag: str, skip: tuple[str, ...]) -> list[verification.Finding]:
    """Every item of verify, told as lines of progress."""
    subject = verification.Subject(
        config=context.config,
        env=context.env,
        tag=images.checked(tag),
        definitions=context.task_definitions(tag),
        outputs=context.app.outputs(),
        clients=context.clients,
        say=context.output.step,
    )
    return verification.find(subject, skip=skip)


def verified(context: Context, tag: str, skip: tuple[str, ...]) -> None:
    """Raises ``DeployError`` where verify finds a fault."""
    context.output.heading(f"verifying {tag} for {context.env}")
    findings = findings_of(context, tag, skip)
    for finding in findings:
        context.output.step(str(finding))
    faults = [finding for finding in findings if finding.fault]
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise DeployError(
            f"verify found {count} ({', '.join(dict.fromkeys(fault.item for fault in faults))}); nothing was changed",
            hint="each line above says what to do",
            exit_code=FAULTS,
        )


@click.command()
@env
@click.option("--tag", help="The version; without it the one that runs.")
@click.option("--skip", type=SKIP, multiple=True, help="Leave an item out.")
@json_output
@pass_context
def verify(context: Context, tag: str | None, skip: tuple[str, ...]) -> None:
    """Look whether a version can be applied.

    Its images are in the registry, every secret that the task definitions name has a value (from metadata alone), roles
    and log groups exist, the compose file and the task definitions agree, check --deploy passes in the image.
    """
    findings = findings_of(context, tag or context.stack().app_tag, skip)
    if not context.json:
        for finding in findings:
            context.output.line(str(finding))
    context.output.result([finding.as_dict() for finding in findings])
    faults = sum(bool(finding.fault) for finding in findings)
    if faults:
        raise DeployError(
            f"verify found {faults} fault{'s' if faults > 1 else ''}",
            hint="each line says what to do",
            exit_code=FAULTS,
        )


def migrate(context: Context, stack: ecs.Stack, tag: str) -> None:
    """Runs the migrations of a version as a one-off task. Raises ``DeployError`` where they do not end well."""
    context.output.heading(f"migrating the database for {tag}")
    clients = context.clients
    definition = ecs.of_tag(clients.ecs, stack.job_task_definition_family, tag)
    result = ecs.run_task(
        clients.ecs, clients.logs, stack=stack, definition=definition, started_by="deploy-migrate",
        out=context.output.step, step=context.output.step, clock=context.clock, sleep=context.sleep,
    )  # fmt: skip
    if result.exit_code:
        reason = f": {result.reason}" if result.reason else ""
        raise DeployError(
            f"the migrations ended with exit code {result.exit_code}{reason}; the services are as they were",
            hint=result.hint or f"correct them and apply again; deploy logs --env {context.env} job shows their lines",
            exit_code=FAILED_DEPLOYMENT,
        )


def job_stack(context: Context) -> ecs.Stack:
    """The stack as far as the job needs it: before the first apply there are no services, and no version."""
    outputs = context.app.outputs()
    return ecs.Stack.of_outputs(context.env, {"services": {}, "app_tag": "", "url": "", **outputs})


def expectations(context: Context, stack: ecs.Stack) -> dict[str, ecs.Expected]:
    """What each service is to run: the newest revision of its family, which has the service's name."""
    return {
        name: ecs.Expected(ecs.newest(context.clients.ecs, name)["taskDefinitionArn"])
        for name in stack.services.values()
    }


def wait(context: Context, since: datetime) -> None:
    """Until the services run what was applied, and are healthy."""
    context.output.heading("waiting for the services")
    stack = context.stack()
    ecs.wait_for_deployments(
        context.clients.ecs, context.clients.logs, cluster=stack.cluster_name, expected=expectations(context, stack),
        seconds=SETTLE_SECONDS, env=context.env, since=since, step=context.output.step,
        clock=context.clock, sleep=context.sleep,
    )  # fmt: skip


def diagnosed(context: Context, error: DeployError) -> DeployError:
    """Terraform's error, after what ECS says of each service that does not run what it is to run."""
    try:
        stack, clients = context.stack(), context.clients
        expected = expectations(context, stack)
        services = ecs.describe_services(clients.ecs, stack.cluster_name, expected)
        for name, service in services.items():
            deployments = service.get("deployments", [])
            settled = len(deployments) == 1 and service["taskDefinition"] == expected[name].task_definition
            if settled and service["runningCount"] >= service["desiredCount"]:
                continue
            diagnosis = ecs.diagnose(
                clients.ecs, clients.logs, cluster=stack.cluster_name, service=service,
                problem=f"does not run {ecs.revision(expected[name].task_definition)}",
            )  # fmt: skip
            for line in diagnosis.lines():
                context.output.step(line)
    except DeployError as second:
        # What the first error says is not to be lost by the second.
        context.output.step(f"what ECS says of the services is not known: {second.message}")
    return DeployError(
        error.message,
        hint=f"deploy logs --env {context.env} shows more; deploy rollback --env {context.env} goes back",
        exit_code=FAILED_DEPLOYMENT,
    )


def bring(context: Context, tag: str, *, migrations: bool, skip: tuple[str, ...]) -> None:
    """Brings an environment to a version: verify, plan, ask, migrate, apply, wait."""
    output = context.output
    stack = versioned(context, tag)
    verified(context, tag, skip)
    output.heading(f"planning {tag} for {context.env}")
    with stack.plan() as planned:
        show(context, planned)
        is_empty = planned.is_empty
        if context.dry_run:
            output.result({"changes": [change.as_dict() for change in planned.changes]})
            return
        if not is_empty:
            context.confirm(f"Apply {tag} to {context.env}?")
    since = datetime.now(UTC)
    if not is_empty:
        if migrations:
            output.heading("registering the job's task definition")
            with stack.plan(targets=[JOB]) as first:
                if not first.is_empty:
                    stack.apply(first)
            migrate(context, job_stack(context), tag)
        output.heading(f"applying {tag} to {context.env}")
        with stack.plan() as rest:
            try:
                stack.apply(rest)
            except DeployError as error:
                raise diagnosed(context, error) from error
    wait(context, since)
    found = context.stack()
    if not context.json:
        output.line(f"{context.env} runs {tag}: {found.url}")
    output.result({"env": context.env, "tag": tag, "url": found.url})


@click.command()
@env
@click.option("--tag", required=True, help="The version, whose images are pushed.")
@click.option("--skip", type=SKIP, multiple=True, help="Leave an item of verify out.")
@yes
@dry_run
@json_output
@pass_context
def apply(context: Context, tag: str, skip: tuple[str, ...]) -> None:
    """Bring an environment to a version.

    Verify, show the plan and ask; register the job's task definition and run the migrations; apply the rest; wait until
    the new deployment is the one that runs and is healthy. Failed migrations leave the services as they were.
    """
    bring(context, tag, migrations=True, skip=skip)


@click.command("all")
@env
@click.option("--tag", required=True, help="The version: a git ref.")
@click.option("--skip", type=SKIP, multiple=True, help="Leave an item of verify out.")
@yes
@dry_run
@json_output
@click.pass_context
def all_(ctx: click.Context, tag: str, skip: tuple[str, ...]) -> None:
    """Build, push and apply a version."""
    from deploy.commands.build import build
    from deploy.commands.push import push

    context = ctx.ensure_object(Context)
    images.checked(tag)
    wanted_json, context.json = context.json, False
    ctx.invoke(build, tag=tag)
    ctx.invoke(push, tag=tag)
    context.json = wanted_json
    if context.dry_run:
        context.output.step(f"would apply {tag} to {context.env}")
        return
    ctx.invoke(apply, tag=tag, skip=skip)


def previous_tag(context: Context, stack: ecs.Stack) -> str:
    """The version before the one that runs, from the revisions of the web service's task definition."""
    family = stack.services["web"]
    for definition in ecs.revisions(context.clients.ecs, family):
        tags = [tag for tag in ecs.image_tags(definition) if tag]
        if tags and stack.app_tag not in tags:
            return tags[0]
    raise DeployError(
        f"{family} has no revision of another version than {stack.app_tag}",
        hint="name one: deploy rollback --to TAG",
        exit_code=REFUSED,
    )


@click.command()
@env
@click.option("--to", "tag", help="The version to go back to; without it the one before.")
@click.option("--skip", type=SKIP, multiple=True, help="Leave an item of verify out.")
@yes
@dry_run
@json_output
@pass_context
def rollback(context: Context, tag: str | None, skip: tuple[str, ...]) -> None:
    """Go back to the version before, or to another.

    The database is not migrated back: migrations are written so that the version before runs with them.
    """
    stack = context.stack()
    target = images.checked(tag or previous_tag(context, stack))
    context.output.step(f"from {stack.app_tag} back to {target}; the database stays as it is")
    bring(context, target, migrations=False, skip=skip)


@click.command()
@env
@yes
@dry_run
@pass_context
def destroy(context: Context) -> None:
    """Destroy an environment: everything in its stack, the database too."""
    config, output = context.config, context.output
    if context.env in config.protected:
        raise DeployError(
            f"{context.env} is protected", hint="take it out of protected in deploy.toml first", exit_code=REFUSED
        )
    stack = context.app
    stack.variables = {"app_tag": images.NO_TAG}
    with stack.plan(destroy=True) as planned:
        show(context, planned)
        if context.dry_run or planned.is_empty:
            return
        if not context.yes:
            context.confirm(f"Destroy {context.env} and its database?")
            typed = click.prompt("The environment's name, to be sure", err=True)
            if typed != context.env:
                raise DeployError("not confirmed; nothing was changed", exit_code=REFUSED)
        stack.apply(planned)
    foundation.forget(context)
    output.line(f"{context.env} is destroyed")
