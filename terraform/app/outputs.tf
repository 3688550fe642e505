output "region" {
  description = "Region of the environment"
  value       = data.aws_region.current.name
}

output "cluster_name" {
  description = "Cluster of the services and jobs"
  value       = local.cluster_name
}

output "services" {
  description = "Service (web, worker, jobs, rabbit) => its name in ECS"
  value = {
    web    = module.web_service.name
    worker = module.worker_service.name
    jobs   = module.jobs_service.name
    rabbit = module.rabbit_service.name
  }
}

output "security_group" {
  description = "Security group of all tasks"
  value       = aws_security_group.ecs_service.id
}

output "subnet_ids" {
  description = "Subnets of all tasks"
  value       = local.task_subnet_ids
}

output "assign_public_ip" {
  description = "Whether a task gets a public address; without one it needs a NAT gateway to pull its image"
  value       = local.assign_public_ip

  # Migrations need this output before the services exist; without depends_on, -target=module.job would not set it.
  depends_on = [module.job]
}

output "job_task_definition_family" {
  description = "Family of the task definition for work that ends; without a revision, ECS uses the newest"
  value       = module.job.family
}

output "pipelines" {
  description = "Pipeline => its state machine in Step Functions"
  value       = { nightly = module.nightly.state_machine_arn }
}

# terraform apply -target=module.job leaves this output alone; it changes only with the services.
output "app_tag" {
  description = "Version that the services run"
  value       = var.app_tag
  depends_on  = [module.web_service, module.worker_service, module.jobs_service]
}

output "url" {
  description = "URL of the service"
  value       = module.network.url
}

output "log_group_name" {
  description = "CloudWatch log group of all containers"
  value       = aws_cloudwatch_log_group.main.name
}

output "execution_role_arn" {
  description = "Role with which ECS starts the tasks"
  value       = module.execution_role.arn
}

output "task_role_arn" {
  description = "Role of the code in the containers"
  value       = module.task_role.arn
}

output "database_address" {
  description = "Host name of the database"
  value       = module.database.address
}

output "database_name" {
  description = "Name of the database"
  value       = module.database.name
}

output "database_user" {
  description = "Name of the database's user"
  value       = module.database.user
}

output "rabbit_host" {
  description = "Host name of RabbitMQ"
  value       = module.rabbit_service.host
}

output "alarm_names" {
  description = "Alarms of the environment"
  value       = [for alarm in aws_cloudwatch_metric_alarm.main : alarm.alarm_name]
}

output "alarm_topic_arn" {
  description = "SNS topic for alarms, restarts and failed deployments"
  value       = aws_sns_topic.alarms.arn
}
