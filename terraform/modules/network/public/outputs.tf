output "target_group_arn" {
  description = "Target group for the service"
  value       = module.base.target_group_arn
}

output "target_group_arn_suffix" {
  description = "Name of the target group in metrics and alarms"
  value       = module.base.target_group_arn_suffix
}

output "load_balancer_arn" {
  description = "ARN of the load balancer, new or existing"
  value       = module.base.load_balancer_arn
}

output "load_balancer_arn_suffix" {
  description = "Name of the load balancer in metrics and alarms"
  value       = module.base.load_balancer_arn_suffix
}

output "load_balancer_dns_name" {
  description = "DNS name that AWS gave the load balancer"
  value       = module.base.load_balancer_dns_name
}

output "listener_arn" {
  description = "The HTTPS listener"
  value       = module.base.listener_arn
}

output "url" {
  description = "URL of the service"
  value       = module.base.url
}

output "security_group_id" {
  description = "Security group of the load balancer; of an existing load balancer, the first one"
  value       = var.listener_arn == null ? aws_security_group.public[0].id : tolist(data.aws_lb.existing[0].security_groups)[0]
}
