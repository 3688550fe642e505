output "name" {
  description = "Name of the service in ECS, known when it is steady"
  value       = data.aws_ecs_service.running.service_name
}

output "arn" {
  description = "ARN of the service"
  value       = local.service.id
}

output "task_definition_arn" {
  description = "Task definition that was asked for, with its revision"
  value       = aws_ecs_task_definition.main.arn
}

output "task_definition_family" {
  description = "Its family"
  value       = aws_ecs_task_definition.main.family
}

output "running_task_definition_arn" {
  description = "Task definition that the service runs"
  value       = data.aws_ecs_service.running.task_definition
}

output "service" {
  description = "The service, with all its attributes"
  value       = local.service
}

output "scaling_labels" {
  description = "Policy of autoscaling => what it looks at beyond the service itself"
  value       = { for name, policy in local.scaling : name => policy.label if policy.label != null }
}
