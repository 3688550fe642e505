[
  {
    "name": "rabbit",
    "image": "${rabbit_image}",
    "essential": true,
    "memory": 256,
    "portMappings": [
      {"containerPort": 5672, "protocol": "tcp"}
    ],
    "secrets": ${jsonencode(secrets)},
    "healthCheck": {
      "command": ["CMD", "rabbitmq-diagnostics", "-q", "ping"],
      "interval": 30,
      "timeout": 15,
      "retries": 3,
      "startPeriod": 60
    },
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
