output "state_machine_arn" {
  description = "State machine of the pipeline"
  value       = aws_sfn_state_machine.main.arn
}

output "step_state_machine_arn" {
  description = "State machine that runs one step"
  value       = aws_sfn_state_machine.step.arn
}

output "schedule_name" {
  description = "Schedule in EventBridge Scheduler; null without one"
  value       = one(aws_scheduler_schedule.main[*].name)
}

output "log_group_name" {
  description = "CloudWatch log group of the state machine; what a step's command prints is in its task definition's"
  value       = aws_cloudwatch_log_group.main.name
}

output "step_log_group_name" {
  description = "CloudWatch log group of the state machine that runs one step: which attempts failed, and why"
  value       = aws_cloudwatch_log_group.step.name
}
