"""A stand-in for AWS: moto's server, with additions that Terraform's provider and our tests need.

It proves that a configuration is wired correctly (it applies, a second plan is empty, destroy leaves nothing). It also
proves which requests AWS would get. It does not prove how AWS would behave.

    with running() as aws:
        subprocess.run([...], env={**os.environ, **aws.environment})
        aws.client("ecs").describe_services(...)
        aws.requests("ecs", "UpdateService")

To run it by hand, use `python -m tests.support.aws_simulator --port 5123`. It serves until it is interrupted, and
prints the variables to export.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[3]
REGION = "us-east-1"
ACCOUNT = "123456789012"
# Resources that the stack expects and terraform/app/*.tfvars name. They exist from the start.
HOSTED_ZONE = "example.edu"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/00000000-0000-4000-8000-000000000000"


def environment(url: str) -> dict[str, str]:
    """The variables for boto3, Terraform's provider and its S3 backend: dummy keys, and the simulator instead of
    AWS.
    """
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@dataclass(frozen=True)
class AwsSimulator:
    """A running simulator."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.url)

    def client(self, service: str) -> Any:
        """boto3's client of the service, which sends its requests to the simulator."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="simulated",
            aws_secret_access_key="simulated",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def requests(self, service: str | None = None, action: str | None = None) -> list[dict[str, Any]]:
        """The requests since the last `forget`, in order: {service, action, parameters}.

        For a service that has paths instead of actions (S3, Scheduler), the action is the method and path.
        """
        return [
            request
            for request in self._call("GET")
            if service in (None, request["service"]) and action in (None, request["action"])
        ]

    def forget(self) -> None:
        """Forgets the requests so far."""
        self._call("DELETE")

    def _call(self, method: str) -> Any:
        request = urllib.request.Request(f"{self.url}/simulator/requests", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def running() -> Iterator[AwsSimulator]:
    """A separate simulator on a free port, empty except for what terraform/app/*.tfvars expect."""
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "tests.support.aws_simulator", "--until-eof"]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().strip()
                if not url:
                    process.wait(timeout=30)
                    log.seek(0)
                    raise RuntimeError(f"the simulator did not start:\n{log.read()}")
                yield AwsSimulator(url)
            finally:
                process.terminate()
