"""What gunicorn needs beyond its command line, which says the number of workers, the address and where logs go."""

import os

# Loaded once, before the workers fork: they share its memory, and a setting that is missing stops the start at once.
preload_app = True

# Workers of a few threads: one that waits for the database holds nobody up.
threads = 4

# Fargate kills a container 30 seconds after asking it to stop.
graceful_timeout = 25

# A worker says that it is alive by touching a file; on the disk of a container that can block for long.
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - gunicorn makes a file there that nobody else can open
if os.access(SHARED_MEMORY, os.W_OK):
    worker_tmp_dir = SHARED_MEMORY

# Nothing uses gunicorn's control socket, and its default path is one for all services of a user.
control_socket_disable = True

logger_class = "config.server_logs.StructuredLogger"
