output "arns" {
  description = "Secret's name => ARN of its parameter, for valueFrom and for the execution role"
  value       = { for name, parameter in aws_ssm_parameter.main : name => parameter.arn }
}

output "paths" {
  description = "Secret's name => path of its parameter"
  value       = local.paths
}
