"""The Celery application; `celery -A config worker` finds it here."""

from celery import Celery

app = Celery("adaptivity")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
