[
  {
    "name": "job",
    "image": "${job_image}",
    "essential": true,
    "memory": 256,
    "command": ["python", "manage.py", "migrate", "--noinput"],
    "environment": [
      {"name": "DJANGO_SETTINGS_MODULE", "value": "${DJANGO_SETTINGS_MODULE}"},
      {"name": "ENV_LABEL", "value": "${env_label}"}%{ for name, value in settings },
      {"name": "${name}", "value": ${jsonencode(value)}}%{ endfor }
    ],
    "secrets": ${jsonencode(secrets)},
    "readonlyRootFilesystem": true,
    "mountPoints": [
      {"sourceVolume": "job-tmp", "containerPath": "/tmp", "readOnly": false}%{ if job_files },
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
