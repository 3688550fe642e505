output "state_machine_arn" {
  description = "ARN of the parent, the state machine of the pipeline"
  value       = aws_sfn_state_machine.main.arn
}

output "step_state_machine_arn" {
  description = "ARN of the child, the state machine that runs one step"
  value       = aws_sfn_state_machine.step.arn
}

output "schedule_name" {
  description = "Name of the schedule in EventBridge Scheduler; null if there is none"
  value       = one(aws_scheduler_schedule.main[*].name)
}

output "log_group_name" {
  description = "CloudWatch log group of the parent; the output of a step's command is in the log group of its task definition"
  value       = aws_cloudwatch_log_group.main.name
}

output "step_log_group_name" {
  description = "CloudWatch log group of the child, which shows which attempts failed and why"
  value       = aws_cloudwatch_log_group.step.name
}
