from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import CheckConstraint, Q

from adaptivity.models.activity import Activity
from adaptivity.models.collection import Collection
from adaptivity.models.constraints import not_blank
from adaptivity.text import NAME_LENGTH, URL_LENGTH


class CourseSource(models.Model):
    """A source of content: courses of a platform, read through its API, or a website, which is crawled."""

    class Kind(models.TextChoices):
        OPEN_EDX = "open_edx", "Open edX"
        WEBSITE = "website", "website"

    class LaunchURL(models.TextChoices):
        STUDENT_VIEW = "student_view_url", "the block alone (student_view_url)"
        LTI = "lti_url", "the block for an LTI consumer (lti_url)"
        LMS_WEB = "lms_web_url", "the block on its course page (lms_web_url)"

    slug = models.SlugField(max_length=50, unique=True, help_text="The source's name in commands and logs.")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    enabled = models.BooleanField(default=True, help_text="Whether jobs read this source.")
    interval_hours = models.PositiveIntegerField(
        default=0,
        help_text="Read the source at most once in this many hours, however often the job runs. 0 means every time.",
    )
    address_exceptions = models.JSONField(
        default=list,
        blank=True,
        help_text='A list of "host:port" that may be reached even if the address is private.',
    )

    base_url = models.CharField(max_length=URL_LENGTH, blank=True, help_text="Open edX: the address of the LMS.")
    course_id = models.CharField(
        max_length=NAME_LENGTH,
        blank=True,
        help_text="Open edX: the course. Empty means every course that the platform lists.",
    )
    launch_url = models.CharField(
        max_length=20,
        choices=LaunchURL.choices,
        default=LaunchURL.STUDENT_VIEW,
        help_text="Open edX: the URL of a block that becomes the activity's source launch URL.",
    )
    credentials = models.CharField(
        max_length=64, blank=True, help_text="Open edX: the name of an entry in SOURCE_CREDENTIALS, not a secret."
    )

    start_urls = models.JSONField(default=list, blank=True, help_text="Website: a list of URLs to start from.")
    allowed_domains = models.JSONField(
        default=list,
        blank=True,
        help_text="Website: a list of domains, including their subdomains. Empty means only the hosts of the start "
        "URLs.",
    )
    max_depth = models.PositiveIntegerField(
        default=20, help_text="Website: maximum number of links from a start URL. A redirect counts as one."
    )
    max_pages = models.PositiveIntegerField(
        default=10_000, help_text="Website: maximum number of URLs that one crawl requests."
    )
    delay = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(60.0)],
        help_text="Website: minimum number of seconds between two requests.",
    )
    collection_id = models.CharField(
        max_length=NAME_LENGTH,
        blank=True,
        help_text="Website: each page becomes a reading of this collection. Empty means no collection.",
    )

    crawl = models.PositiveIntegerField(default=0, editable=False, help_text="Number of the newest crawl.")
    crawl_open = models.BooleanField(default=False, editable=False, help_text="Whether that crawl is unfinished.")
    crawl_limited = models.BooleanField(
        default=False, editable=False, help_text="Whether that crawl ignored links because of max_pages."
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
    """A section of a platform's course, and its collection."""

    source = models.ForeignKey(CourseSource, models.CASCADE, related_name="sections", db_index=False)
    external_id = models.CharField(max_length=NAME_LENGTH, help_text="The platform's id.")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(help_text="Position among the sections, from 0.")
    fingerprint = models.CharField(max_length=64, help_text="Hash of the section and its items as last written.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return self.external_id


class SourceItem(models.Model):
    """A problem or reading of a platform's course, and its activity."""

    source = models.ForeignKey(CourseSource, models.CASCADE, related_name="items", db_index=False)
    external_id = models.CharField(max_length=NAME_LENGTH, help_text="The platform's id.")
    activity = models.ForeignKey(Activity, models.CASCADE, related_name="+")
    section = models.ForeignKey(
        SourceSection,
        models.SET_NULL,
        related_name="items",
        null=True,
        blank=True,
        help_text="The section that contains it. Empty if it is no longer in the course.",
    )
    position = models.PositiveIntegerField(help_text="Position in the section, from 0.")
    fingerprint = models.CharField(max_length=64, help_text="Hash of the item as last written.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="%(class)s_unique")]

    def __str__(self) -> str:
        return self.external_id


class CrawledPage(models.Model):
    """A URL of a website: what was found there, or that it is still to be requested.

    The pending pages of a source are its crawl's frontier. The transaction that stores a page also takes it out of the
    frontier.
    """

    class Status(models.TextChoices):
        NEW = "", "not requested yet"
        STORED = "stored", "stored"
        DUPLICATE = "duplicate", "same text as another page"
        ALIAS = "alias", "leads to another URL"
        EXCLUDED = "excluded", "closed to robots"
        REFUSED = "refused", "address not allowed"
        SKIPPED = "skipped", "not a text page"
        FAILED = "failed", "failed"
        GONE = "gone", "no longer exists"

    source = models.ForeignKey(CourseSource, models.CASCADE, related_name="pages", db_index=False)
    url = models.CharField(max_length=2000, help_text="The canonical URL.")
    depth = models.PositiveIntegerField(default=0, help_text="Number of links from a start URL.")
    crawl = models.PositiveIntegerField(help_text="Number of the newest crawl that found it.")
    pending = models.BooleanField(default=True, help_text="Whether that crawl has yet to request it.")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.NEW, blank=True)
    reason = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="Why it is not stored.")
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    title = models.CharField(max_length=NAME_LENGTH, blank=True)
    text = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, help_text="Hash of title and text.")
    fetched_at = models.DateTimeField(null=True, blank=True)
    activity = models.ForeignKey(
        Activity, models.SET_NULL, related_name="+", null=True, blank=True, help_text="The activity made from the page."
    )
    published = models.CharField(
        max_length=64, blank=True, help_text="Hash of what was last written to the activity; empty if it was withdrawn."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "url"], name="%(class)s_unique")]
        indexes = [
            models.Index(fields=["source", "depth", "id"], name="crawledpage_frontier", condition=Q(pending=True)),
            models.Index(fields=["source", "fingerprint"], name="crawledpage_fingerprint"),
        ]

    def __str__(self) -> str:
        return self.url
