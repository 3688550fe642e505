[
  {
    "name": "web",
    "image": "${web_image}",
    "essential": true,
    "memory": 256,
    "portMappings": [
      {"containerPort": 8000, "protocol": "tcp"}
    ],
    "command": [
      "/usr/local/bin/gunicorn",
      "config.wsgi:application",
      "-w=2",
      "-b=:8000",
      "--log-file=-",
      "--access-logfile=-"
    ],
    "environment": [
      {"name": "DJANGO_SETTINGS_MODULE", "value": "${DJANGO_SETTINGS_MODULE}"},
      {"name": "ENV_LABEL", "value": "${env_label}"},
      {"name": "HOST", "value": "${domain_name}"}%{ for name, value in settings },
      {"name": "${name}", "value": ${jsonencode(value)}}%{ endfor }
    ],
    "secrets": ${jsonencode(secrets)},
    "healthCheck": {
      "command": ["CMD", "python", "docker/healthcheck.py"],
      "interval": 7,
      "timeout": 5,
      "retries": 3,
      "startPeriod": 30
    },
    "readonlyRootFilesystem": true,
    "mountPoints": [
      {"sourceVolume": "web-tmp", "containerPath": "/tmp", "readOnly": false}
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
  },
  {
    "name": "nginx",
    "image": "${nginx_image}",
    "essential": false,
    "restartPolicy": {"enabled": true, "restartAttemptPeriod": 60},
    "memory": 256,
    "portMappings": [
      {"containerPort": 80, "protocol": "tcp"}
    ],
    "environment": [
      {"name": "WEB_HOST", "value": "127.0.0.1:8000"}
    ],
    "dependsOn": [
      {"containerName": "web", "condition": "HEALTHY"}
    ],
    "healthCheck": {
      "command": ["CMD", "curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:80/nginx-health"],
      "interval": 10,
      "timeout": 5,
      "retries": 3,
      "startPeriod": 10
    },
    "systemControls": [
      {"namespace": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
    ],
    "readonlyRootFilesystem": true,
    "mountPoints": [
      {"sourceVolume": "nginx-tmp", "containerPath": "/tmp", "readOnly": false}
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
