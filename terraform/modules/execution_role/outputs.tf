output "arn" {
  description = "ARN of the role, for execution_role_arn; known only when its policy is attached"
  value       = aws_iam_role.main.arn

  # A task fails if it starts before its policy is attached.
  depends_on = [aws_iam_role_policy.main]
}

output "name" {
  description = "Name of the role"
  value       = aws_iam_role.main.name
}
