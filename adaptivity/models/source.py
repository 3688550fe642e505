from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import CheckConstraint, Q

from adaptivity.models.activity import Activity
from adaptivity.models.collection import Collection
from adaptivity.models.constraints import not_blank
from adaptivity.text import NAME_LENGTH, URL_LENGTH


class CourseSource(models.Model):
    """Where content comes from: the courses of a platform, read through its API, or a website, which is crawled."""

    class Kind(models.TextChoices):
        OPEN_EDX = "open_edx", "Open edX"
        WEBSITE = "website", "website"

    class LaunchURL(models.TextChoices):
        STUDENT_VIEW = "student_view_url", "the block by itself (student_view_url)"
        LTI = "lti_url", "the block for an LTI consumer (lti_url)"
        LMS_WEB = "lms_web_url", "the block on its page of the course (lms_web_url)"

    slug = models.SlugField(max_length=50, unique=True, help_text="Names the source in commands and logs.")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    enabled = models.BooleanField(default=True, help_text="Whether jobs read it.")
    interval_hours = models.PositiveIntegerField(
        default=0, help_text="Read at most once in so many hours, however often the job runs; 0: each time."
    )
    address_exceptions = models.JSONField(
        default=list,
        blank=True,
        help_text='A list of "host:port": what may be reached although its address is private.',
    )

    base_url = models.CharField(max_length=URL_LENGTH, blank=True, help_text="Open edX: the address of the LMS.")
    course_id = models.CharField(
        max_length=NAME_LENGTH,
        blank=True,
        help_text="Open edX: the course; empty: every course that the platform lists.",
    )
    launch_url = models.CharField(
        max_length=20,
        choices=LaunchURL.choices,
        default=LaunchURL.STUDENT_VIEW,
        help_text="Open edX: which URL of a block is the activity's source launch URL.",
    )
    credentials = models.CharField(
        max_length=64, blank=True, help_text="Open edX: the name of an entry of SOURCE_CREDENTIALS; no secret."
    )

    start_urls = models.JSONField(default=list, blank=True, help_text="Website: a list of URLs to begin with.")
    allowed_domains = models.JSONField(
        default=list,
        blank=True,
        help_text="Website: a list of domains, their subdomains included; empty: the hosts of the start URLs alone.",
    )
    max_depth = models.PositiveIntegerField(
        default=20, help_text="Website: how many links away from a start URL; a redirect counts as one."
    )
    max_pages = models.PositiveIntegerField(default=10_000, help_text="Website: how many URLs one crawl asks for.")
    delay = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(60.0)],
        help_text="Website: the least number of seconds between two requests.",
    )
    collection_id = models.CharField(
        max_length=NAME_LENGTH,
        blank=True,
        help_text="Website: each page becomes a reading of this collection; empty: none.",
    )

    crawl = models.PositiveIntegerField(default=0, editable=False, help_text="Number of the newest crawl.")
    crawl_open = models.BooleanField(default=False, editable=False, help_text="Whether that crawl is to go on.")
    crawl_limited = models.BooleanField(
        default=False, editable=False, help_text="Whether that crawl has left links aside because of max_pages."
    )
    last_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_outcome = models.CharField(max_length=64, blank=True, editable=False)
    last_message = models.TextField(blank=True, editable=False)

    class Meta:
        constraints = [
            *not_blank("slug"),
            CheckConstraint(
                name="%(class)s_max_pages",
                condition=Q(max_pages__gte=1),
                violation_error_message="max_pages must be at least 1.",
            ),
            CheckConstraint(
                name="%(class)s_delay",
                condition=Q(delay__gte=0.0, delay__lte=60.0),
                violation_error_message="delay must lie between 0 and 60.",
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class SourceSection(models.Model):
    """A section of a platform's course, and the collection that it became."""

    source = models.ForeignKey(CourseSource, models.CASCADE, related_name="sections", db_index=False)
    external_id = models.CharField(max_length=NAME_LENGTH, help_text="The platform's id.")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(help_text="Its place among the sections, from 0.")
    fingerprint = models.CharField(max_length=64, help_text="Of the section and its items, as they were last written.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return self.external_id


class SourceItem(models.Model):
    """A problem or reading of a platform's course, and the activity that it became."""

    source = models.ForeignKey(CourseSource, models.CASCADE, related_name="items", db_index=False)
    external_id = models.CharField(max_length=NAME_LENGTH, help_text="The platform's id.")
    activity = models.ForeignKey(Activity, models.CASCADE, related_name="+")
    section = models.ForeignKey(
        SourceSection,
        models.SET_NULL,
        related_name="items",
        null=True,
        blank=True,
        help_text="The section that it is in; empty once it has vanished from the course.",
    )
    position = models.PositiveIntegerField(help_text="Its place in the section, from 0.")
    fingerprint = models.CharField(max_length=64, help_text="Of the item as it was last written.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return self.external_id


class CrawledPage(models.Model):
    """A URL of a website: what was found there, or that it is still to be asked for.

    The pending pages of a source are its crawl's frontier. A page stops being one in the transaction that stores it.
    """

    class Status(models.TextChoices):
        NEW = "", "not asked for yet"
        STORED = "stored", "stored"
        DUPLICATE = "duplicate", "has the text of another page"
        ALIAS = "alias", "leads to another URL"
        EXCLUDED = "excluded", "robots are not wanted"
        REFUSED = "refused", "its address may not be reached"
        SKIPPED = "skipped", "no page of text"
        FAILED = "failed", "failed"
        GONE = "gone", "gone"

    source = models.ForeignKey(CourseSource, models.CASCADE, related_name="pages", db_index=False)
    url = models.CharField(max_length=2000, help_text="The canonical URL.")
    depth = models.PositiveIntegerField(default=0, help_text="How many links away from a start URL.")
    crawl = models.PositiveIntegerField(help_text="Number of the newest crawl that has met it.")
    pending = models.BooleanField(default=True, help_text="Whether that crawl has still to ask for it.")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.NEW, blank=True)
    reason = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="Why it is not stored.")
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    title = models.CharField(max_length=NAME_LENGTH, blank=True)
    text = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, help_text="Of title and text.")
    fetched_at = models.DateTimeField(null=True, blank=True)
    activity = models.ForeignKey(
        Activity, models.SET_NULL, related_name="+", null=True, blank=True, help_text="What the page became."
    )
    published = models.CharField(
        max_length=64, blank=True, help_text="Fingerprint of what was written to the activity; empty where it is out."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "url"], name="%(class)s_unique")]
        indexes = [
            models.Index(fields=["source", "depth", "id"], name="crawledpage_frontier", condition=Q(pending=True)),
            models.Index(fields=["source", "fingerprint"], name="crawledpage_fingerprint"),
        ]

    def __str__(self) -> str:
        return self.url
