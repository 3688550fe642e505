"""Settings of the derived image: production on ECS. The image's build copies this file to config/settings/custom.py.

`config.settings.base` has read the environment, where ECS puts the secrets it takes from SSM Parameter Store. What is
left to say is what production alone needs.
"""

from config import environment
from config.ecs import get_ecs_task_identity, get_ecs_task_ips
from config.settings.base import *

# ALLOWED_HOSTS comes from base: the names in HOST. The load balancer's health check has the task's own address there.
ALLOWED_HOSTS.extend(get_ecs_task_ips())

# For /version/: which revision of the task definition answers.
ECS_TASK = get_ecs_task_identity()

environment.servers("DATABASE_CONNECTION", "CELERY_BROKER_URL")

# A container's only place to write. It goes with the container: what is to stay needs a volume of its own.
EXPORT_DIRECTORY = EXPORT_DIRECTORY or "/tmp/export"  # noqa: S108 - no other user in the container

# TLS ends at the load balancer, which says so in this header; nginx passes it on unchanged.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# On a laptop the same image is served over plain HTTP.
if ENV_LABEL != "local":
    environment.refuse_development_values("SECRET_KEY", "DATABASE_CONNECTION", "CELERY_BROKER_URL")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60

SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # the load balancer redirects to HTTPS, and its health check must get no redirect from here
    "security.W005",  # whether subdomains are HTTPS only, too, is the operator's choice
    "security.W021",  # so is the browsers' preload list
]
