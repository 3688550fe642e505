output "state_machine_arn" {
  description = "State machine of the pipeline"
  value       = aws_sfn_state_machine.main.arn
}

output "schedule_name" {
  description = "Schedule in EventBridge Scheduler; null without one"
  value       = one(aws_scheduler_schedule.main[*].name)
}

output "log_group_name" {
  description = "CloudWatch log group of the state machine; the steps' is their task definition's"
  value       = aws_cloudwatch_log_group.main.name
}
