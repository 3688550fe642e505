"""Settings that all environments share. Everything that differs is read from environment variables, only here."""

from pathlib import Path
from typing import Any

from config import environment
from config.logs import formatter, logging_config

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# What runs: the image's tag and commit, and the environment's name (dev, stage, prod, local).
APP_TAG = environment.text("APP_TAG")
APP_COMMIT = environment.text("APP_COMMIT")
# The ECS task that this process runs in. Only config.settings.custom sets it.
ECS_TASK: dict[str, str] = {}
ENV_LABEL = environment.text("ENV_LABEL")

SECRET_KEY = environment.secret_key("SECRET_KEY")
DEBUG = environment.flag("DEBUG", default=False)
ALLOWED_HOSTS = environment.hosts("HOST")

INSTALLED_APPS = [
    "adaptivity",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "config.middleware.NulMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES: dict[str, dict[str, Any]] = {"default": environment.database("DATABASE_CONNECTION")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Transactions take the write lock at their start, so none fails halfway because of another's write.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = environment.whole_number("CONN_MAX_AGE", default=60, minimum=0)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A host that drops packets must not block a thread, or the readiness check, for minutes.
    DATABASES["default"]["OPTIONS"] = {**DATABASES["default"].get("OPTIONS", {}), "connect_timeout": 5}
# PostgreSQL's lock_timeout and statement_timeout in seconds while `manage.py migrate` runs; 0 means no limit.
MIGRATION_LOCK_TIMEOUT = environment.whole_number("MIGRATION_LOCK_TIMEOUT", default=10, minimum=0)
MIGRATION_STATEMENT_TIMEOUT = environment.whole_number("MIGRATION_STATEMENT_TIMEOUT", default=600, minimum=0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT: Path | None = BASE_DIR / "var" / "static"
# File names contain a hash of the content, so files can be cached forever. Each also exists compressed.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Larger bodies get 413. A list of 10,000 activities with all fields fits.
DATA_UPLOAD_MAX_MEMORY_SIZE = environment.whole_number("MAX_BODY_BYTES", default=10 * 1024 * 1024, minimum=1)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["adaptivity.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "adaptivity.api.pagination.Pagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "adaptivity.api.exceptions.exception_handler",
    "PAGE_SIZE": 100,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Adaptivity",
    "DESCRIPTION": "Which activity should a learner do next, and what have they mastered?",
    "VERSION": "2",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v2/",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["adaptivity.api.schema.documented_routes"],
    "POSTPROCESSING_HOOKS": ["adaptivity.api.schema.lists_are_bounded", "adaptivity.api.schema.answers_are_whole"],
}

# Without a broker, tasks run in this process. This is the embedded default.
CELERY_BROKER_URL = environment.broker_url("CELERY_BROKER_URL")
CELERY_TASK_ALWAYS_EAGER = not CELERY_BROKER_URL
# Even such tasks take a producer from Celery's pool. Without this URL, it would try RabbitMQ on localhost and log that.
CELERY_BROKER_WRITE_URL = CELERY_BROKER_URL or "memory://localhost"
CELERY_TASK_EAGER_PROPAGATES = True
CELERY_TASK_IGNORE_RESULT = True
# If a worker stops during a task, another worker runs the task again. Every task is safe to run twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = environment.whole_number("CELERY_WORKER_CONCURRENCY", default=2, minimum=1)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}

# A queue with its own workers for jobs that need the job image, days, or more than a worker's 256 MB. The report of an
# estimate on 278,336 scores takes 302 MB.
JOB_QUEUE = environment.text("JOB_QUEUE", default="celery")
CELERY_TASK_ROUTES = {
    f"adaptivity.tasks.{task}": {"queue": JOB_QUEUE}
    for task in ("read_source", "run_step", "estimate", "estimate_batch", "estimate_finish")
}

# The number of collections whose arrays a process caches. A collection of 10,000 activities takes about 2 MB.
COLLECTION_CACHE_SIZE = environment.whole_number("COLLECTION_CACHE_SIZE", default=64, minimum=1)

# The path of the tuple of pipelines. A deployment's settings may replace it by their own.
PIPELINES = "adaptivity.pipelines.PIPELINES"

# Who started a job, for the record of its run.
JOB_STARTED_BY = environment.text("JOB_STARTED_BY")
# The start of the pipeline run that a job is a step of. Work done since by an earlier attempt is not repeated.
JOB_RUN_STARTED_AT = environment.moment("JOB_RUN_STARTED_AT")

# Credentials of jobs at platforms, by the name that sources use. Each entry is for one platform only.
SOURCE_CREDENTIALS = environment.credentials("SOURCE_CREDENTIALS")
# The crawler's user agent, for which robots.txt is read.
CRAWLER_USER_AGENT = environment.text("CRAWLER_USER_AGENT", default="adaptivity-crawler")
# Evidence in and out: the folders for files, and the launch URL of a block of an Open edX course.
EVIDENCE_INBOX = environment.text("EVIDENCE_INBOX")
EVIDENCE_REJECTS = environment.text("EVIDENCE_REJECTS")
EXPORT_DIRECTORY = environment.text("EXPORT_DIRECTORY")
EDX_LAUNCH_URL = environment.template("EDX_LAUNCH_URL", required="usage_id", optional="course_id")

# The share of recommendations that leave a receipt, and the number of days that purge_receipts keeps receipts.
RECEIPTS = environment.share("RECEIPTS")
RECEIPTS_KEEP_DAYS = environment.whole_number("RECEIPTS_KEEP_DAYS", default=90, minimum=1)
# The number of days that purge_versions keeps the parameters of model versions that were never in force.
MODEL_VERSIONS_KEEP_DAYS = environment.whole_number("MODEL_VERSIONS_KEEP_DAYS", default=30, minimum=1)

# The maximum number of responses that a version's model of success is fitted to, from learners drawn by a hash.
SUCCESS_MODEL_RESPONSES = environment.whole_number("SUCCESS_MODEL_RESPONSES", default=100_000, minimum=1)

# The format of the log lines that the record of a job keeps.
JOB_LOG_FORMATTER = formatter("json")
LOGGING = logging_config(level=environment.log_level(), log_format=environment.log_format())
