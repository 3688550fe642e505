"""Celery tasks: they call a service; all of them are safe to run twice."""
