# With the rule that leads to it: ECS takes no target group for a service that no load balancer has.
output "target_group_arn" {
  description = "Target group for the service"
  value       = aws_lb_target_group.main.arn
  depends_on  = [aws_lb_listener_rule.main]
}

output "target_group_arn_suffix" {
  description = "The target group as metrics and alarms name it"
  value       = aws_lb_target_group.main.arn_suffix
}

output "load_balancer_arn" {
  description = "The load balancer, its own or the existing one"
  value       = local.load_balancer.arn
}

output "load_balancer_arn_suffix" {
  description = "The load balancer as metrics and alarms name it"
  value       = local.load_balancer.arn_suffix
}

output "load_balancer_dns_name" {
  description = "AWS's own name of the load balancer"
  value       = local.load_balancer.dns_name
}

output "listener_arn" {
  description = "The HTTPS listener"
  value       = local.is_new ? aws_lb_listener.main[0].arn : var.listener_arn
}

output "url" {
  description = "Where the service answers"
  value       = "https://${var.domain_name}"
}
