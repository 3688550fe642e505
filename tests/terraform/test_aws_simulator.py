"""The stand-in of AWS has what the other tests take as given of it, and says what it was asked."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.aws_simulator import CERTIFICATE, AwsSimulator, running


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsSimulator]:
    with running() as simulator:
        yield simulator


def definition(aws: AwsSimulator, family: str) -> str:
    containers = [{"name": "web", "image": "registry.example/app:1.0.0", "essential": True}]
    ecs = aws.client("ecs")
    arn: str = ecs.register_task_definition(
        family=family,
        containerDefinitions=containers,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
    )["taskDefinition"]["taskDefinitionArn"]
    return arn


def network(aws: AwsSimulator) -> dict[str, Any]:
    (subnet, *_) = aws.client("ec2").describe_subnets()["Subnets"]
    (group, *_) = aws.client("ec2").describe_security_groups()["SecurityGroups"]
    return {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"]], "securityGroups": [group["GroupId"]]}}


def test_the_zone_and_the_certificate_are_there(aws: AwsSimulator) -> None:
    (zone,) = aws.client("route53").list_hosted_zones()["HostedZones"]
    assert zone["Name"] == "example.edu."
    certificate = aws.client("acm").describe_certificate(CertificateArn=CERTIFICATE)["Certificate"]
    assert (certificate["CertificateArn"], certificate["Status"]) == (CERTIFICATE, "ISSUED")


def test_a_service_is_steady_with_what_it_was_given(aws: AwsSimulator) -> None:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="steady")
    first, second = definition(aws, "steady"), definition(aws, "steady")
    ecs.create_service(
        cluster="steady",
        serviceName="steady",
        taskDefinition=first,
        desiredCount=2,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 100}],
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        networkConfiguration=network(aws),
    )

    def described() -> dict[str, Any]:
        (service,) = ecs.describe_services(cluster="steady", services=["steady"])["services"]
        found: dict[str, Any] = service
        return found

    before = described()
    assert before["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
    assert before["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (before["runningCount"], before["deployments"][0]["rolloutState"]) == (2, "COMPLETED")

    ecs.update_service(cluster="steady", service="steady", taskDefinition="steady")

    (deployment,) = described()["deployments"]
    assert (deployment["taskDefinition"], deployment["runningCount"]) == (second, 2)
    assert deployment["id"] != before["deployments"][0]["id"]


def test_a_scalable_target_keeps_its_tags(aws: AwsSimulator) -> None:
    autoscaling = aws.client("application-autoscaling")
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="scaled")
    ecs.create_service(
        cluster="scaled",
        serviceName="scaled",
        taskDefinition=definition(aws, "scaled"),
        networkConfiguration=network(aws),
    )
    target = autoscaling.register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId="service/scaled/scaled",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1,
        MaxCapacity=2,
        Tags={"Project": "adaptivity"},
    )["ScalableTargetARN"]
    assert autoscaling.list_tags_for_resource(ResourceARN=target)["Tags"] == {"Project": "adaptivity"}


def test_a_rule_that_names_a_group_has_its_description(aws: AwsSimulator) -> None:
    ec2 = aws.client("ec2")
    (group, *_) = ec2.describe_security_groups()["SecurityGroups"]
    pair = {"GroupId": group["GroupId"], "Description": "from its like"}
    (rule,) = ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5672, "ToPort": 5672, "UserIdGroupPairs": [pair]}],
    )["SecurityGroupRules"]
    assert rule["Description"] == "from its like"


def test_log_events_are_those_of_the_streams_with_the_prefix(aws: AwsSimulator) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="prefixes")
    for stream in ("ecs/web/1", "ecs/worker/2"):
        logs.create_log_stream(logGroupName="prefixes", logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": stream}
        logs.put_log_events(logGroupName="prefixes", logStreamName=stream, logEvents=[event])

    def found(**prefix: str) -> list[str]:
        return [event["message"] for event in logs.filter_log_events(logGroupName="prefixes", **prefix)["events"]]

    assert found(logStreamNamePrefix="ecs/web/") == ["ecs/web/1"]
    assert found() == ["ecs/web/1", "ecs/worker/2"]


def test_requests_are_on_record_until_they_are_forgotten(aws: AwsSimulator) -> None:
    aws.forget()
    aws.client("ssm").put_parameter(Name="/adaptivity/dev/SECRET_KEY", Value="a value", Type="SecureString")
    aws.client("sns").create_topic(Name="alarms")
    aws.client("s3").create_bucket(Bucket="state")

    (put,) = aws.requests("ssm", "PutParameter")
    assert put["parameters"] == {"Name": "/adaptivity/dev/SECRET_KEY", "Value": "a value", "Type": "SecureString"}
    assert [(request["service"], request["action"]) for request in aws.requests()] == [
        ("ssm", "PutParameter"),
        ("sns", "CreateTopic"),
        ("s3", "PUT /state"),
    ]
    aws.forget()
    assert aws.requests() == []
