"""Secrets by metadata alone: what is missing, what is declared and has no value yet; and putting one."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from deploy import aws, parameters
from deploy.errors import DeployError
from tests.support.aws import ACCOUNT, NOON, REGION, Requests, definition, scripted

ARN = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
PATH = "/adaptivity/dev/SECRET_KEY"


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[Requests]:
    """Everything that the clients of the test ask of a simulated AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "only-for-a-test")
    with mock_aws():
        yield Requests()


@pytest.fixture
def clients(requests: Requests) -> aws.Clients:
    return aws.Clients(REGION, requests.session)


def declare(*paths: str, **options: Any) -> None:
    """As Terraform does it: a placeholder, which is the first version. Not among the requests of the test."""
    for each in paths:
        boto3.client("ssm", region_name=REGION).put_parameter(
            Name=each, Value="not set", **{"Type": "SecureString", **options}
        )


def naming(*sources: str, family: str = "adaptivity-dev-web", name: str = "web") -> dict[str, Any]:
    """A task definition with these secrets."""
    return definition(
        family, name=name, secrets=[{"name": str(number), "valueFrom": each} for number, each in enumerate(sources)]
    )


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (f"{ARN}/adaptivity/dev/SECRET_KEY", PATH),
        (f"{ARN}/SECRET_KEY", "SECRET_KEY"),
        (PATH, PATH),
        ("SECRET_KEY", "SECRET_KEY"),
        (
            f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:adaptivity-AbCdEf:password:AWSCURRENT:",
            f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:adaptivity-AbCdEf",
        ),
    ],
)
def test_where_a_secret_lies(source: str, path: str) -> None:
    assert parameters.SecretReference(source, ()).path == path


def test_every_secret_once_with_the_containers_that_get_it() -> None:
    source = f"{ARN}{PATH}"

    worker = naming(source, family="adaptivity-dev-worker", name="worker")
    found = parameters.secret_references([naming(source), worker])

    assert found == [parameters.SecretReference(source, ("adaptivity-dev-web/web", "adaptivity-dev-worker/worker"))]


def test_a_check_tells_missing_from_not_set_from_set(requests: Requests, clients: aws.Clients) -> None:
    not_set, is_set, missing = (f"/adaptivity/dev/{name}" for name in ("A", "B", "C"))
    declare(not_set, is_set)
    declare(is_set, Overwrite=True)

    states = parameters.check(clients, [naming(*(f"{ARN}{path}" for path in (not_set, is_set, missing)))])

    assert [(secret.path, secret.state) for secret in states] == [
        (not_set, "declared, not set"),
        (is_set, "set"),
        (missing, "missing"),
    ]
    assert requests.made == [
        (
            "DescribeParameters",
            {"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [not_set, is_set, missing]}]},
        )
    ]


def test_more_names_than_one_call_takes(requests: Requests, clients: aws.Clients) -> None:
    paths = [f"/adaptivity/dev/{number:02}" for number in range(60)]
    declare(*paths)

    assert list(parameters.described(clients.ssm, paths)) == paths
    asked = [request["ParameterFilters"][0]["Values"] for name, request in requests.made if "NextToken" not in request]
    assert [len(values) for values in asked] == [50, 10]


def test_a_secret_of_secrets_manager_is_described_and_not_read(requests: Requests, clients: aws.Clients) -> None:
    secretsmanager = boto3.client("secretsmanager", region_name=REGION)
    is_set = secretsmanager.create_secret(Name="set", SecretString="hunter2")["ARN"]
    not_set = secretsmanager.create_secret(Name="empty")["ARN"]
    missing = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:gone-AbCdEf"

    states = parameters.check(clients, [naming(is_set, not_set, missing)])

    assert {secret.path: secret.state for secret in states} == {
        is_set: "set",
        not_set: "declared, not set",
        missing: "missing",
    }
    assert {name for name, _ in requests.made} == {"DescribeSecret"}


def test_a_secret_that_is_being_deleted_is_missing() -> None:
    with scripted("secretsmanager") as (script,):
        script.answers("describe_secret", {"DeletedDate": NOON, "VersionIdsToStages": {"1" * 32: ["AWSCURRENT"]}})

        assert parameters._secret_state(script.client, "gone") == "missing"


def test_the_list_is_of_one_environment(requests: Requests, clients: aws.Clients) -> None:
    declare(
        "/adaptivity/dev/B", "/adaptivity/dev/A", "/adaptivity/prod/A", "/adaptivity/common/A", "/adaptivity/dev/deep/A"
    )

    found = parameters.listed(clients.ssm, "adaptivity", "dev")

    assert [parameter.path for parameter in found] == ["/adaptivity/dev/A", "/adaptivity/dev/B"]
    assert requests.made == [
        (
            "DescribeParameters",
            {"ParameterFilters": [{"Key": "Path", "Option": "OneLevel", "Values": ["/adaptivity/dev"]}]},
        )
    ]


def test_a_value_is_put_with_the_parameter_s_own_type_and_key(requests: Requests, clients: aws.Clients) -> None:
    declare(PATH, KeyId="alias/adaptivity")
    parameter = parameters.declared(clients.ssm, PATH)
    assert parameter.state == "declared, not set"

    version = parameters.put(clients.ssm, parameter, "hunter2")

    assert version == 2
    assert requests.made[-1] == (
        "PutParameter",
        {"Name": PATH, "Value": "hunter2", "Type": "SecureString", "KeyId": "alias/adaptivity", "Overwrite": True},
    )
    assert parameters.declared(clients.ssm, PATH).state == "set"


def test_a_parameter_that_is_not_declared_is_not_made(requests: Requests, clients: aws.Clients) -> None:
    with pytest.raises(DeployError) as error:
        parameters.declared(clients.ssm, PATH)

    assert error.value.message == f"there is no parameter {PATH}"
    assert [name for name, _ in requests.made] == ["DescribeParameters"]


def test_generated_values_differ_and_fit_into_a_url() -> None:
    values = {parameters.generate() for _ in range(10)}

    assert len(values) == 10
    assert {len(value) for value in values} == {64}
    assert all(value.replace("-", "").replace("_", "").isalnum() for value in values)
