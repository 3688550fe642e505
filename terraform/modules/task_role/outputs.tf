output "arn" {
  description = "ARN of the role, for role_arn; known only when its policies are attached"
  value       = aws_iam_role.main.arn

  depends_on = [aws_iam_role_policy.main]
}

output "name" {
  description = "Name of the role"
  value       = aws_iam_role.main.name
}
