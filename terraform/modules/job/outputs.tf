output "family" {
  description = "Family of the task definition; without a revision, ECS uses the newest"
  value       = aws_ecs_task_definition.main.family
}

output "task_definition_arn" {
  description = "Task definition with its revision"
  value       = aws_ecs_task_definition.main.arn
}

output "schedule_names" {
  description = "Schedule's name => its name in EventBridge Scheduler"
  value       = { for name, schedule in aws_scheduler_schedule.main : name => schedule.name }
}
