"""`deploy redeploy`: services are restarted with the revisions that they have."""

from datetime import UTC, datetime

import click

from deploy import ecs
from deploy.commands.options import dry_run, env, json_output
from deploy.context import Context, pass_context
from deploy.signals import terminable


@click.command()
@env
@click.argument("services", nargs=-1)
@click.option("--timeout", type=click.IntRange(min=1), default=900, show_default=True, help="Seconds to wait.")
@dry_run
@json_output
@pass_context
def redeploy(context: Context, services: tuple[str, ...], timeout: int) -> None:
    """Restart services with their current revisions.

    All services, or those that are named; the command waits until they run. Use it after a secret has changed: a
    container gets its secrets when its task starts.
    """
    stack, clients, output = context.stack(), context.clients, context.output
    names = stack.named(services).values()
    before = ecs.describe_services(clients.ecs, stack.cluster_name, names)
    for name, service in before.items():
        if len(service["deployments"]) > 1:
            output.step(f"{name}: a deployment is in progress; this one replaces it")
    told = [
        {"service": name, "task_definition": ecs.revision(service["taskDefinition"])}
        for name, service in before.items()
    ]
    if context.dry_run:
        for each in told:
            output.step(f"{each['service']} would be restarted with {each['task_definition']}")
        output.result(told)
        return
    since = datetime.now(UTC)
    expected = {}
    for name in before:
        service = clients.ecs.update_service(cluster=stack.cluster_name, service=name, forceNewDeployment=True)[
            "service"
        ]
        deployment = ecs.primary(service)
        expected[name] = ecs.Expected(service["taskDefinition"], deployment["id"] if deployment else None)
        output.step(f"{name}: started a new deployment of {ecs.revision(service['taskDefinition'])}")
    with terminable():
        ecs.wait_for_deployments(
            clients.ecs,
            clients.logs,
            cluster=stack.cluster_name,
            expected=expected,
            seconds=timeout,
            env=stack.env,
            since=since,
            step=output.step,
            clock=context.clock,
            sleep=context.sleep,
        )
    output.result(told)
