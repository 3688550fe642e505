# The base app image: the code, what it imports, and nothing of how an environment differs. docker/app/ derives from it.
#
# No cache mounts: engines before 23 build without BuildKit unless told otherwise, and refuse them. The packages are a
# layer of their own, made again only when their list changes.

FROM python:3.13-slim-bookworm AS packages
COPY requirements/runtime.txt /requirements.txt
# Below another root, at the paths that they have in the image: /usr/local and what is in it, whatever the Python.
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --require-hashes --ignore-installed --root=/packages --requirement /requirements.txt

FROM python:3.13-slim-bookworm AS commit
COPY . /context
RUN python /context/docker/commit.py /context > /COMMIT

FROM python:3.13-slim-bookworm
RUN groupadd --gid 1000 adaptivity \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /adaptivity --shell /usr/sbin/nologin adaptivity
COPY --from=packages /packages/usr/local /usr/local
WORKDIR /adaptivity

# gunicorn reads gunicorn.conf.py where it starts. Its other way, GUNICORN_CMD_ARGS, would be lost with the first task
# definition that sets the variable for something else.
COPY docker/gunicorn.conf.py gunicorn.conf.py
COPY docker/entrypoint docker/healthcheck.py docker/
COPY manage.py ./
COPY config config
COPY adaptivity adaptivity
# The root file system is read-only when it runs, so what Python would cache there has to be there.
RUN python -m compileall -q config adaptivity

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# What the worker touches, and docker/healthcheck.py looks at.
ENV WORKER_HEARTBEAT=/tmp/adaptivity-worker.heartbeat
# The one place that is written to. On Fargate a volume takes its owner and mode from the image where this declares it.
VOLUME /tmp
EXPOSE 8000
HEALTHCHECK --interval=7s --timeout=5s --start-period=30s --retries=3 CMD ["python", "docker/healthcheck.py"]
ENTRYPOINT ["/adaptivity/docker/entrypoint"]
CMD ["/usr/local/bin/gunicorn", "config.wsgi:application", "-w=2", "-b=:8000", "--log-file=-", "--access-logfile=-"]

COPY --from=commit /COMMIT COMMIT
ARG APP_TAG=
ARG APP_COMMIT=
ENV APP_TAG=${APP_TAG} APP_COMMIT=${APP_COMMIT}
LABEL org.opencontainers.image.title="adaptivity" \
      org.opencontainers.image.description="An adaptive-learning recommendation engine" \
      org.opencontainers.image.version="${APP_TAG}" \
      org.opencontainers.image.revision="${APP_COMMIT}"
USER adaptivity
