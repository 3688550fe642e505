"""Property tests run without a deadline: a busy machine is not a wrong number."""

from hypothesis import settings

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")
