# The base app image: the code and the packages that it imports, but nothing that differs between environments.
# docker/app/ derives from it.
#
# No cache mounts: engines before 23 build without BuildKit by default, and refuse them. The packages are a
# separate layer, which is rebuilt only when their list changes.

FROM python:3.13-slim-bookworm AS packages
COPY requirements/runtime.txt /requirements.txt
# Under another root, at their final paths in the image: /usr/local, whatever the Python version.
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

# gunicorn reads gunicorn.conf.py in its working directory. GUNICORN_CMD_ARGS would be lost with the first task
# definition that sets this variable for something else.
COPY docker/gunicorn.conf.py gunicorn.conf.py
COPY docker/entrypoint docker/healthcheck.py docker/
COPY manage.py ./
COPY config config
COPY adaptivity adaptivity
# The root file system is read-only at run time, so Python's compiled files have to be there already.
RUN python -m compileall -q config adaptivity

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# The file that the worker touches and docker/healthcheck.py reads.
ENV WORKER_HEARTBEAT=/tmp/adaptivity-worker.heartbeat
# The only writable path. On Fargate, a volume takes its owner and mode from the image if VOLUME declares it.
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
