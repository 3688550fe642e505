"""Settings of the derived image: production on ECS. The image's build copies this file to config/settings/custom.py.

`config.settings.base` has read the environment, to which ECS adds the secrets from SSM Parameter Store. This file adds
what only production needs.
"""

from config import environment
from config.ecs import get_ecs_task_identity, get_ecs_task_ips
from config.settings.base import *

# base puts the names in HOST into ALLOWED_HOSTS. The load balancer's health check asks for the task's own address.
ALLOWED_HOSTS.extend(get_ecs_task_ips())

# /version/ shows which revision of the task definition is running.
ECS_TASK = get_ecs_task_identity()

environment.servers("DATABASE_CONNECTION", "CELERY_BROKER_URL")

# The only path that a container can write to. It is deleted with the container: to keep exports, mount a volume.
EXPORT_DIRECTORY = EXPORT_DIRECTORY or "/tmp/export"  # noqa: S108 - no other user in the container

# TLS ends at the load balancer, which sends this header; nginx passes it on unchanged.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# On a laptop the same image is served over plain HTTP.
if ENV_LABEL != "local":
    environment.refuse_development_values("SECRET_KEY", "DATABASE_CONNECTION", "CELERY_BROKER_URL")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60

SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # the load balancer redirects to HTTPS, and its health check must not get a redirect from here
    "security.W005",  # whether subdomains are also HTTPS only is the operator's choice
    "security.W021",  # the browsers' preload list is the operator's choice, too
]
