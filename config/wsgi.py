"""The WSGI application that gunicorn serves: `gunicorn config.wsgi:application`."""

from django.core.wsgi import get_wsgi_application

from config import environment

environment.settings_module()
application = get_wsgi_application()
