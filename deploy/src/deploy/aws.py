"""AWS through boto3: clients with one configuration, polling that survives throttling, errors as one line."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NotConnected

from deploy.errors import USAGE, DeployError

# boto3 generates its clients at run time, so they have no types.
Client = Any
Answer = TypeVar("Answer")
Clock = Callable[[], float]
Sleep = Callable[[float], None]

# In adaptive mode a client slows down all its calls when AWS throttles one of them.
CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "adaptive", "total_max_attempts": 6})

THROTTLED = frozenset(
    {
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "Throttled",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
UNREADY = frozenset(
    {"InternalFailure", "InternalServerError", "RequestTimeout", "ServerException", "ServiceUnavailable"}
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"})
FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})

LONGEST_PAUSE = 60.0
# As the pauses double, about five minutes at an interval of three seconds.
FAILURES_IN_A_ROW = 8


class Clients:
    """The clients of one region, each created when it is first used."""

    def __init__(self, region: str, session: boto3.Session | None = None) -> None:
        self.region = region
        self._session = session
        self._clients: dict[str, Client] = {}

    def client(self, service: str) -> Client:
        """The client of a service, by the service's name in boto3."""
        if service not in self._clients:
            try:
                self._session = self._session or boto3.Session()
                self._clients[service] = self._session.client(service, region_name=self.region, config=CONFIG)
            except BotoCoreError as error:
                raise explained(error) from error
        return self._clients[service]

    @property
    def ecs(self) -> Client:
        return self.client("ecs")

    @property
    def logs(self) -> Client:
        return self.client("logs")

    @property
    def ssm(self) -> Client:
        return self.client("ssm")


def code(error: Exception) -> str:
    """The error code that AWS returned; empty if the error did not come from AWS."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def passing(error: Exception) -> bool:
    """Whether the same request may succeed later: it was throttled, AWS was not ready, or the network was down."""
    return code(error) in THROTTLED | UNREADY or isinstance(error, NotConnected | HTTPClientError)


def watch(
    look: Callable[[], Answer], *, interval: float, seconds: float | None, clock: Clock, sleep: Sleep
) -> Iterator[Answer]:
    """Yields what ``look`` returns, every ``interval`` seconds, until ``seconds`` have passed; None sets no limit.

    If AWS throttles a look or cannot be reached, the look is repeated after a pause that doubles each time. The error
    is raised after ``FAILURES_IN_A_ROW`` such failures. Any other error is raised at once.
    """
    end = None if seconds is None else clock() + seconds
    failures = 0
    while True:
        try:
            answer = look()
        except (BotoCoreError, ClientError) as error:
            failures += 1
            if not passing(error) or failures == FAILURES_IN_A_ROW:
                raise
        else:
            failures = 0
            yield answer
        pause = min(interval * 2**failures, LONGEST_PAUSE)
        if end is not None:
            left = end - clock()
            if left <= 0:
                return
            pause = min(pause, left)
        sleep(pause)


def explained(error: Exception) -> DeployError:
    """An error from boto3 or AWS as one line, with what to do next."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return DeployError("no credentials for AWS were found", hint="log in (aws sso login), or set AWS_PROFILE")
    if isinstance(error, SSOError | TokenRetrievalError) or code(error) in EXPIRED:
        return DeployError("the credentials for AWS are no longer valid", hint="log in again (aws sso login)")
    if isinstance(error, ProfileNotFound | NoRegionError):
        return DeployError(str(error), hint="check AWS_PROFILE and AWS_REGION", exit_code=USAGE)
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {}).get("Message") or code(error)
        said = f"{error.operation_name}: {code(error)}: {detail}".replace("\n", " ")
        if code(error) in FORBIDDEN:
            return DeployError(said, hint="give this permission to the role that runs deploy")
        if code(error) in THROTTLED:
            return DeployError(said, hint="AWS received too many requests; try again in a minute")
        if code(error) in UNREADY:
            return DeployError(said, hint="AWS has a problem of its own; try again in a minute")
        return DeployError(said, hint="see what AWS documents about this error")
    if passing(error):
        return DeployError(f"AWS cannot be reached: {error}", hint="check the network and AWS_REGION, then try again")
    return DeployError(f"AWS: {error}".replace("\n", " "), hint="see what boto3 documents about this error")
