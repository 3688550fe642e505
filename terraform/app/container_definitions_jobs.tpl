[
  {
    "name": "jobs",
    "image": "${jobs_image}",
    "essential": true,
    "memory": 768,
    "command": ["celery", "-A", "config", "worker", "-Q", "jobs", "-c", "1", "-l", "info"],
    "environment": [
      {"name": "DJANGO_SETTINGS_MODULE", "value": "${DJANGO_SETTINGS_MODULE}"},
      {"name": "ENV_LABEL", "value": "${env_label}"}%{ for name, value in settings },
      {"name": "${name}", "value": ${jsonencode(value)}}%{ endfor }
    ],
    "secrets": ${jsonencode(secrets)},
    "healthCheck": {
      "command": ["CMD", "python", "docker/healthcheck.py", "worker"],
      "interval": 10,
      "timeout": 5,
      "retries": 3,
      "startPeriod": 60
    },
    "readonlyRootFilesystem": true,
    "mountPoints": [
      {"sourceVolume": "jobs-tmp", "containerPath": "/tmp", "readOnly": false}%{ if job_files },
      {"sourceVolume": "job-files", "containerPath": "/files", "readOnly": false}%{ endif }
    ],
    "stopTimeout": 30,
    "logConfiguration": {
      "logDriver": "awslogs",
      "options": {
        "awslogs-group": "${log_group_name}",
        "awslogs-region": "${region}",
        "awslogs-stream-prefix": "ecs"
      }
    }
  }
]
