"""The pipelines that come with the service. The setting PIPELINES names them; a deployment may name its own."""

from adaptivity.runs.pipelines.declaration import Pipeline, Step

HOUR = 3600
DAY = 24 * HOUR

NIGHTLY = Pipeline(
    name="nightly",
    description="Import new content and evidence, update masteries, export the results, put a better model in force, "
    "and report what content lacks.",
    # 08:00 UTC is night in America.
    schedule="cron(0 8 * * ? *)",
    # Empty means the directory in the setting EXPORT_DIRECTORY, because a laptop and a task write to different places.
    parameters={"export_directory": ""},
    steps=(
        Step("scrape", ("scrape_courses",), retries=3, timeout=2 * HOUR),
        # A crawl may take days. The next night must begin meanwhile, and its crawl continues where this one stopped.
        Step("crawl", ("crawl", "--hours", "12"), after=("scrape",), retries=2, timeout=13 * HOUR),
        Step("import_evidence", ("import_evidence", "--inbox"), retries=2, timeout=6 * HOUR),
        Step("trace", ("trace_learners",), after=("import_evidence",), retries=2, timeout=6 * HOUR),
        # Not before trace, because two replays of the same learners would wait for each other.
        Step(
            "estimate", ("estimate", "--continue", "--parameters-only"), after=("trace",), retries=2, timeout=6 * HOUR
        ),
        Step("evaluate", ("estimate", "--report-latest"), after=("estimate",), retries=2, timeout=2 * HOUR),
        Step("gate", ("promote", "--latest", "--check"), after=("evaluate",), retries=2, timeout=HOUR),
        Step("promote", ("promote", "--latest", "--unless-refused"), after=("gate",), retries=2, timeout=HOUR),
        Step("trace_promoted", ("trace_learners",), after=("promote",), retries=2, timeout=6 * HOUR),
        Step("purge_versions", ("purge_versions",), after=("trace_promoted",), retries=2, timeout=HOUR),
        Step("purge_receipts", ("purge_receipts",), after=("purge_versions",), retries=2, timeout=2 * HOUR),
        Step("content_gaps", ("content_gaps",), after=("purge_receipts",), retries=2, timeout=2 * HOUR),
        Step("export", ("export_evidence", "{export_directory}"), after=("trace",), retries=2, timeout=2 * HOUR),
    ),
)

ONBOARD_COURSE = Pipeline(
    name="onboard_course",
    description="Import a new course, its structure and its pages, and update the masteries that its tags affect.",
    parameters={"source": None},
    steps=(
        # A new source is read as soon as it is created. If that is still in progress, the steps wait.
        Step("scrape", ("scrape_courses", "--source", "{source}", "--wait"), retries=3, timeout=2 * HOUR),
        Step("crawl", ("crawl", "--source", "{source}", "--wait"), after=("scrape",), retries=2, timeout=5 * DAY),
        Step("trace", ("trace_learners",), after=("scrape",), retries=2, timeout=6 * HOUR),
    ),
)

PIPELINES = (NIGHTLY, ONBOARD_COURSE)
