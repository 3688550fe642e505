"""The WSGI application that gunicorn serves: `gunicorn config.wsgi:application`."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
