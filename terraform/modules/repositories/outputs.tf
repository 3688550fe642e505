output "repository_urls" {
  description = "Repository's name => its URL, without tag"
  value       = { for name, repository in aws_ecr_repository.main : name => repository.repository_url }
}

output "repository_arns" {
  description = "Repository's name => its ARN"
  value       = { for name, repository in aws_ecr_repository.main : name => repository.arn }
}
