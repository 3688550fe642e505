output "name" {
  description = "Name of the service in ECS, known only when the service is steady"
  value       = module.service.name
}

output "arn" {
  description = "ARN of the service"
  value       = module.service.arn
}

output "task_definition_arn" {
  description = "Requested task definition, with its revision"
  value       = module.service.task_definition_arn
}

output "task_definition_family" {
  description = "Family of the task definition"
  value       = module.service.task_definition_family
}

output "running_task_definition_arn" {
  description = "Task definition that the service runs"
  value       = module.service.running_task_definition_arn
}

output "host" {
  description = "Host name of the service in the VPC"
  value       = "${aws_service_discovery_service.main.name}.${var.namespace_name}"
}
