"""gunicorn's settings beyond its command line, which sets the number of workers, the address and the logs."""

import os

# Load the app once, before the workers fork: they share its memory, and a missing setting stops the start at once.
preload_app = True

# A few threads for each worker: a request that waits for the database does not block the others.
threads = 4

# Fargate kills a container 30 seconds after it asks it to stop.
graceful_timeout = 25

# A worker shows that it is alive by touching a file. On a container's disk that can block for a long time.
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - gunicorn makes a file there that nobody else can open
if os.access(SHARED_MEMORY, os.W_OK):
    worker_tmp_dir = SHARED_MEMORY

# Nothing uses gunicorn's control socket, and all services of a user share its default path.
control_socket_disable = True

logger_class = "config.server_logs.StructuredLogger"
