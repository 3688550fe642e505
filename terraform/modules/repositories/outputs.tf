output "repository_urls" {
  description = "Name => where images are pushed to and pulled from, without tag"
  value       = { for name, repository in aws_ecr_repository.main : name => repository.repository_url }
}

output "repository_arns" {
  description = "Name => ARN"
  value       = { for name, repository in aws_ecr_repository.main : name => repository.arn }
}
