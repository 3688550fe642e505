"""The names of an environment's stack in AWS, from its Terraform outputs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.errors import USAGE, DeployError


@dataclass(frozen=True)
class StackNames:
    """The names that are needed to run tasks, watch services and read logs."""

    env: str
    cluster_name: str
    # web, worker, jobs, rabbit => the service's name in ECS
    services: Mapping[str, str]
    subnet_ids: tuple[str, ...]
    security_group: str
    assign_public_ip: bool
    job_task_definition_family: str
    log_group_name: str
    app_tag: str
    url: str

    @classmethod
    def of_outputs(cls, env: str, outputs: Mapping[str, Any]) -> "StackNames":
        """The stack that these outputs of Terraform describe, name => value."""
        needed = [name for name in cls.__dataclass_fields__ if name not in {"env", "log_group_name"}]
        if missing := [name for name in needed if outputs.get(name) is None]:
            what = "has no stack yet" if len(missing) == len(needed) else f"has no output {', '.join(missing)}"
            raise DeployError(f"{env} {what}", hint=f"run deploy apply --env {env} --tag TAG")
        # All names of the stack begin with one prefix. It is the log group's whole name, and begins the family.
        group = outputs.get("log_group_name") or str(outputs["job_task_definition_family"]).removesuffix("-job")
        return cls(
            env=env,
            cluster_name=outputs["cluster_name"],
            services=dict(outputs["services"]),
            subnet_ids=tuple(outputs["subnet_ids"]),
            security_group=outputs["security_group"],
            assign_public_ip=bool(outputs["assign_public_ip"]),
            job_task_definition_family=outputs["job_task_definition_family"],
            log_group_name=group,
            app_tag=outputs["app_tag"],
            url=outputs["url"],
        )

    def named(self, services: Iterable[str]) -> dict[str, str]:
        """The named services, name => name in ECS; all services if none is named."""
        wanted = list(services) or list(self.services)
        if unknown := [name for name in wanted if name not in self.services]:
            raise DeployError(
                f"{self.env} has no service {', '.join(unknown)}",
                hint=f"its services are {', '.join(sorted(self.services))}",
                exit_code=USAGE,
            )
        return {name: self.services[name] for name in dict.fromkeys(wanted)}

    @property
    def network(self) -> dict[str, Any]:
        """The network of a task, in RunTask's form."""
        return {
            "awsvpcConfiguration": {
                "subnets": list(self.subnet_ids),
                "securityGroups": [self.security_group],
                "assignPublicIp": "ENABLED" if self.assign_public_ip else "DISABLED",
            }
        }
