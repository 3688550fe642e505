output "arn" {
  description = "ARN of the role, for execution_role_arn; known when it may do what it is for"
  value       = aws_iam_role.main.arn

  # A task that starts before its policy is there fails.
  depends_on = [aws_iam_role_policy.main]
}

output "name" {
  description = "Name of the role"
  value       = aws_iam_role.main.name
}
