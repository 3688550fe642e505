"""What an environment needs before its first version: the bucket of the state, and all that needs no image."""

import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from botocore.exceptions import ClientError

from deploy import aws, images, parameters, terraform
from deploy.context import Context
from deploy.errors import USAGE, DeployError

# What an environment's services and jobs need, apart from images. Terraform adds what these refer to.
TARGETS = (
    "aws_cloudwatch_log_group.main",
    "aws_ecs_cluster_capacity_providers.main",
    "aws_service_discovery_private_dns_namespace.main",
    "aws_vpc_security_group_egress_rule.all",
    "aws_vpc_security_group_ingress_rule.load_balancer",
    "aws_vpc_security_group_ingress_rule.rabbit",
    "module.vpc",
    "module.secrets",
    "module.execution_role",
    "module.task_role",
    "module.network",
    "module.database",
)
# The database's password, for recreating the database or connecting by hand. No container gets it on its own.
PASSWORD = "DATABASE_PASSWORD"  # noqa: S105 - a name
# A password of hexadecimal digits needs no quoting in a URL, and RDS accepts them all.
PASSWORD_BYTES = 24


def create(context: Context) -> None:
    """Creates what an environment needs, or the parts that are missing. Every step can be repeated."""
    output, config = context.output, context.config
    config.values(context.env)
    output.heading("creating the bucket of Terraform's state")
    backend = _backend(config.terraform / terraform.BACKEND)
    _bucket(context, backend["bucket"], backend.get("region", config.region))
    if context.dry_run:
        output.step(f"would apply {config.terraform / 'common'}, then of {context.env}: {', '.join(TARGETS)}")
        return
    output.heading("applying what all environments share")
    _apply(context, terraform.common_stack(config, step=output.step))
    output.heading(f"applying the foundation of {context.env}")
    stack = context.terraform_stack
    stack.variables = {
        "app_tag": images.NO_TAG,
        "app_image": config.app_image,
        "nginx_image": config.nginx_image,
    }
    stack.secrets = {"database_password": _password(context)}
    _apply(context, stack, TARGETS)
    output.heading("generating the values of parameters")
    _values(context)
    missing = [found for found in parameters.check(context.clients, context.task_definitions()) if not _is_set(found)]
    for found in missing:
        output.step(f"{found.path} is {found.state}")
    output.line(
        f"{context.env} is ready for its first version: deploy all --tag TAG --env {context.env}"
        if not missing
        else f"{context.env} needs values for {len(missing)} more secrets: deploy secrets put --env {context.env} NAME"
    )


def _is_set(found: parameters.SecretState) -> bool:
    return found.state == parameters.SET


def _apply(context: Context, stack: terraform.Stack, targets: tuple[str, ...] = ()) -> None:
    with stack.plan(targets=targets) as planned:
        for change in planned.changes:
            context.output.step(str(change))
        context.output.step(planned.summary())
        # If only outputs change, because their resources do not exist yet, there is nothing to ask about.
        if planned.changes:
            context.confirm(f"Apply this to {context.env}?")
            stack.apply(planned)


def _backend(path: Path) -> dict[str, str]:
    """The settings of state.tfbackend, one NAME = "value" a line."""
    settings = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("#")[0].partition("=")
        if equals:
            settings[name.strip()] = value.strip().strip('"')
    if "bucket" not in settings:
        raise DeployError(f"{path.name} names no bucket", hint='add bucket = "NAME"', exit_code=USAGE)
    return settings


def _bucket(context: Context, name: str, region: str) -> None:
    """Creates a bucket that keeps every version of the state, encrypted and private to the account."""
    s3, step = aws.Clients(region).client("s3"), context.output.step
    try:
        s3.head_bucket(Bucket=name)
        step(f"{name} exists")
        return
    except ClientError as error:
        if aws.code(error) not in {"404", "NoSuchBucket", "NotFound"}:
            raise DeployError(
                f"the bucket {name} belongs to another account, or access to it is denied ({aws.code(error)})",
                hint="choose another name in terraform/state.tfbackend; bucket names are unique across all of AWS",
            ) from None
    if context.dry_run:
        step(f"would create {name}")
        return
    context.confirm(f"Create the bucket {name}?")
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
        },
    )  # fmt: skip
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]
        },
    )
    step(f"created {name}: versioned, encrypted, private")


def forget(context: Context) -> None:
    """Deletes what ``create`` made outside Terraform, except the bucket, which holds the state of all environments."""
    try:
        context.clients.ssm.delete_parameter(Name=parameters.path(context.project, context.env, PASSWORD))
    except ClientError as error:
        if aws.code(error) != "ParameterNotFound":
            raise


def _password(context: Context) -> str:
    """The database's password: generated once, and stored before the database is created, so it cannot get lost."""
    ssm, name = context.clients.ssm, parameters.path(context.project, context.env, PASSWORD)
    try:
        found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        if found["Version"] > 1:
            value: str = found["Value"]
            return value
    except ClientError as error:
        if aws.code(error) != "ParameterNotFound":
            raise
        # Version 1 means that a parameter is declared but not set, as in the Terraform modules.
        ssm.put_parameter(
            Name=name, Value="declared, not set", Type="SecureString",
            Description="Password of the database's user, generated by deploy create",
        )  # fmt: skip
    password = secrets.token_hex(PASSWORD_BYTES)
    ssm.put_parameter(Name=name, Value=password, Type="SecureString", Overwrite=True)
    context.output.step(f"{name} was generated")
    return password


def _values(context: Context) -> None:
    """Generates a value for each parameter that is declared, not set, and known here."""
    ssm, outputs = context.clients.ssm, context.terraform_stack.outputs()
    declared = {found.path: found for found in parameters.listed(ssm, context.project, context.env)}

    def put(name: str, value: Callable[[], str]) -> bool:
        found = declared.get(parameters.path(context.project, context.env, name))
        if found is None or found.state == parameters.SET:
            return False
        parameters.put(ssm, found, value())
        context.output.step(f"{found.path} was generated")
        return True

    put("SECRET_KEY", lambda: secrets.token_urlsafe(64))
    address, name, user = (outputs.get(f"database_{part}") for part in ("address", "name", "user"))
    if address:
        url = f"postgres://{quote(str(user))}:{_password(context)}@{address}:5432/{name}?sslmode=require"
        put("DATABASE_CONNECTION", lambda: url)
    # The broker's URL contains its user and password, so the three are set together.
    user, password = context.project, secrets.token_hex(PASSWORD_BYTES)
    host = f"rabbit.{context.env}.{context.project}.internal"
    if put("RABBITMQ_DEFAULT_PASS", lambda: password):
        put("RABBITMQ_DEFAULT_USER", lambda: user)
        url_of_broker = parameters.path(context.project, context.env, "CELERY_BROKER_URL")
        if url_of_broker in declared:
            parameters.put(ssm, declared[url_of_broker], f"amqp://{quote(user)}:{password}@{host}:5672//")
            context.output.step(f"{url_of_broker} was generated")
