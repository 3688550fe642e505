output "target_group_arn" {
  description = "Target group for the service"
  value       = module.base.target_group_arn
}

output "target_group_arn_suffix" {
  description = "The target group as metrics and alarms name it"
  value       = module.base.target_group_arn_suffix
}

output "load_balancer_arn" {
  description = "The load balancer, its own or the existing one"
  value       = module.base.load_balancer_arn
}

output "load_balancer_arn_suffix" {
  description = "The load balancer as metrics and alarms name it"
  value       = module.base.load_balancer_arn_suffix
}

output "load_balancer_dns_name" {
  description = "AWS's own name of the load balancer"
  value       = module.base.load_balancer_dns_name
}

output "listener_arn" {
  description = "The HTTPS listener"
  value       = module.base.listener_arn
}

output "url" {
  description = "Where the service answers"
  value       = module.base.url
}

output "security_group_id" {
  description = "Security group of the load balancer; of an existing one, its first"
  value       = var.listener_arn == null ? aws_security_group.public[0].id : tolist(data.aws_lb.existing[0].security_groups)[0]
}
