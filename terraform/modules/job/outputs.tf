output "family" {
  description = "Family of the task definition; without a revision, ECS takes the newest"
  value       = aws_ecs_task_definition.main.family
}

output "task_definition_arn" {
  description = "Task definition with its revision"
  value       = aws_ecs_task_definition.main.arn
}

output "schedule_names" {
  description = "Name => name of the schedule in EventBridge Scheduler"
  value       = { for name, schedule in aws_scheduler_schedule.main : name => schedule.name }
}
