output "container_definitions" {
  description = "Task => its container definitions as JSON, for container_definitions of an aws_ecs_task_definition"
  value       = local.container_definitions
}

output "task_definitions" {
  description = "Task => its task definition with the field names of the ECS API, without roles"
  value       = local.task_definitions
}
