output "name" {
  description = "Name of the service in ECS, known only when the service is steady"
  value       = data.aws_ecs_service.running.service_name
}

output "arn" {
  description = "ARN of the service"
  value       = local.service.id
}

output "task_definition_arn" {
  description = "Requested task definition, with its revision"
  value       = aws_ecs_task_definition.main.arn
}

output "task_definition_family" {
  description = "Family of the task definition"
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
  description = "Autoscaling policy => resource label of its metric, where it has one"
  value       = { for name, policy in local.scaling : name => policy.label if policy.label != null }
}
