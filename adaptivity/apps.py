from django.apps import AppConfig


class AdaptivityConfig(AppConfig):
    name = "adaptivity"
    verbose_name = "Adaptivity"
    default_auto_field = "django.db.models.BigAutoField"
