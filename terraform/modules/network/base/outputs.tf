# Waits for the rule: ECS refuses a service whose target group has no load balancer.
output "target_group_arn" {
  description = "Target group for the service"
  value       = aws_lb_target_group.main.arn
  depends_on  = [aws_lb_listener_rule.main]
}

output "target_group_arn_suffix" {
  description = "Name of the target group in metrics and alarms"
  value       = aws_lb_target_group.main.arn_suffix
}

output "load_balancer_arn" {
  description = "ARN of the load balancer, new or existing"
  value       = local.load_balancer.arn
}

output "load_balancer_arn_suffix" {
  description = "Name of the load balancer in metrics and alarms"
  value       = local.load_balancer.arn_suffix
}

output "load_balancer_dns_name" {
  description = "DNS name that AWS gave the load balancer"
  value       = local.load_balancer.dns_name
}

output "listener_arn" {
  description = "The HTTPS listener"
  value       = local.is_new ? aws_lb_listener.main[0].arn : var.listener_arn
}

output "url" {
  description = "URL of the service"
  value       = "https://${var.domain_name}"
}
