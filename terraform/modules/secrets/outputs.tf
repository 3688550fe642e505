output "arns" {
  description = "Name => ARN of the parameter, for valueFrom and for the execution role"
  value       = { for name, parameter in aws_ssm_parameter.main : name => parameter.arn }
}

output "paths" {
  description = "Name => path of the parameter"
  value       = local.paths
}
