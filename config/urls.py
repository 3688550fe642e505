"""The project's routes: the API under its two prefixes, operations, documentation and the admin."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from adaptivity.api import exceptions, operations

urlpatterns = [
    path("api/v2/", include("adaptivity.api.urls")),
    # The prefix of the 2018 service, for its clients.
    path("engine/api/", include(("adaptivity.api.urls", "adaptivity"), namespace="engine-api")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("health/", operations.health, name="health"),
    path("ready/", operations.ready, name="ready"),
    path("version/", operations.version, name="version"),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="docs"), name="home"),
]

handler400 = exceptions.bad_request
handler404 = exceptions.not_found
handler500 = exceptions.server_error
