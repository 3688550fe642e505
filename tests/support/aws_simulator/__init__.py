"""A stand-in of AWS: moto's server, with what Terraform's provider and our tests need beside it.

It proves that a configuration is wired right (it applies, a second plan is empty, destroy is clean) and which requests
AWS would get; not that AWS would behave so.

    with running() as aws:
        subprocess.run([...], env={**os.environ, **aws.environment})
        aws.client("ecs").describe_services(...)
        aws.requests("ecs", "UpdateService")

By hand, `python -m tests.support.aws_simulator --port 5123` serves until it is interrupted, and prints what to
export.
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

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "123456789012"
# What the stack takes as given and terraform/app/*.tfvars name: it is there from the start.
HOSTED_ZONE = "example.edu"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/00000000-0000-4000-8000-000000000000"


def environment(url: str) -> dict[str, str]:
    """What boto3, Terraform's provider and its S3 backend read: dummy keys, and the simulator instead of AWS."""
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
    """A simulator that runs."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.url)

    def client(self, service: str) -> Any:
        """boto3's client of the service, which asks the simulator."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="simulated",
            aws_secret_access_key="simulated",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def requests(self, service: str | None = None, action: str | None = None) -> list[dict[str, Any]]:
        """What was asked since the last `forget`, in order: {service, action, parameters}.

        The action of a service that has paths instead (S3, Scheduler) is its method and path.
        """
        return [
            request
            for request in self._call("GET")
            if service in (None, request["service"]) and action in (None, request["action"])
        ]

    def forget(self) -> None:
        """Forget the requests so far."""
        self._call("DELETE")

    def _call(self, method: str) -> Any:
        request = urllib.request.Request(f"{self.url}/simulator/requests", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def running() -> Iterator[AwsSimulator]:
    """A simulator of one's own, on a free port, empty but for what terraform/app/*.tfvars take as given."""
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
