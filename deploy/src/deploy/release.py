"""Brings an environment to a version: verify, plan, ask, migrate, apply, wait."""

from datetime import UTC, datetime

from deploy import ecs, images, terraform
from deploy import verify as verification
from deploy.context import Context
from deploy.errors import FAILED_DEPLOYMENT, FAULTS, DeployError

# Has the job's task definition. It is applied first, so that the migrations of a version run before its services.
JOB = "module.job"
WAIT_SECONDS = 900


def versioned(context: Context, tag: str) -> terraform.Stack:
    """The environment's stack, set to be planned with the images of a version."""
    stack = context.terraform_stack
    stack.variables = {
        "app_tag": images.checked(tag),
        "app_image": context.config.app_image,
        "nginx_image": context.config.nginx_image,
    }
    return stack


def show(context: Context, planned: terraform.Plan) -> None:
    """Prints the changes of a plan, as lines of progress."""
    for change in planned.changes:
        context.output.step(str(change))
    if planned.is_empty:
        context.output.step("nothing to change")
    else:
        outputs = f"; outputs that change: {', '.join(planned.outputs)}" if planned.outputs else ""
        context.output.step(f"{planned.summary()}{outputs}")


def findings_of(context: Context, tag: str, skip: tuple[str, ...]) -> list[verification.Finding]:
    """What verify finds, item by item."""
    subject = verification.Subject(
        config=context.config,
        env=context.env,
        tag=images.checked(tag),
        definitions=context.task_definitions(tag),
        outputs=context.terraform_stack.outputs(),
        clients=context.clients,
        step=context.output.step,
    )
    return verification.find(subject, skip=skip)


def verified(context: Context, tag: str, skip: tuple[str, ...]) -> None:
    """Prints what verify finds. Raises ``DeployError`` if there is a fault."""
    context.output.heading(f"verifying {tag} for {context.env}")
    findings = findings_of(context, tag, skip)
    for finding in findings:
        context.output.step(str(finding))
    faults = [finding for finding in findings if finding.fault]
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise DeployError(
            f"verify found {count} ({', '.join(dict.fromkeys(fault.item for fault in faults))}); nothing was changed",
            hint="the lines above say what to do",
            exit_code=FAULTS,
        )


def migrate(context: Context, stack: ecs.StackNames, tag: str) -> None:
    """Runs the migrations of a version as a one-off task. Raises ``DeployError`` if they fail."""
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
            f"the migrations ended with exit code {result.exit_code}{reason}; the services were not changed",
            hint=result.hint or f"correct them and apply again; deploy logs --env {context.env} job shows their output",
            exit_code=FAILED_DEPLOYMENT,
        )


def job_stack(context: Context) -> ecs.StackNames:
    """The stack as far as the job needs it. Before the first apply it has no services and no version."""
    outputs = context.terraform_stack.outputs()
    return ecs.StackNames.of_outputs(context.env, {"services": {}, "app_tag": "", "url": "", **outputs})


def expectations(context: Context, stack: ecs.StackNames) -> dict[str, ecs.Expected]:
    """What each service should run: the newest revision of its family, which has the service's name."""
    return {
        name: ecs.Expected(ecs.newest(context.clients.ecs, name)["taskDefinitionArn"])
        for name in stack.services.values()
    }


def wait(context: Context, since: datetime) -> None:
    """Waits until the services run what was applied and are healthy."""
    context.output.heading("waiting for the services")
    stack = context.stack()
    ecs.wait_for_deployments(
        context.clients.ecs, context.clients.logs, cluster=stack.cluster_name, expected=expectations(context, stack),
        seconds=WAIT_SECONDS, env=context.env, since=since, step=context.output.step,
        clock=context.clock, sleep=context.sleep,
    )  # fmt: skip


def diagnosed(context: Context, error: DeployError) -> DeployError:
    """Prints what ECS reports on each service that does not run what it should. Returns Terraform's error."""
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
        # The second error must not hide the first.
        context.output.step(f"the state of the services in ECS is not known: {second.message}")
    return DeployError(
        error.message,
        hint=f"deploy logs --env {context.env} shows more; deploy rollback --env {context.env} goes back",
        exit_code=FAILED_DEPLOYMENT,
    )


def release_version(context: Context, tag: str, *, migrations: bool, skip: tuple[str, ...]) -> None:
    """Brings an environment to a version. With --dry-run, only verifies and plans."""
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
