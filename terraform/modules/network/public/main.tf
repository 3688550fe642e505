# An existing load balancer has its own security groups.
resource "aws_security_group" "public" {
  count = var.listener_arn == null ? 1 : 0

  name        = "${var.project}-${var.env_label}-public"
  description = "Load balancer of ${var.project}-${var.env_label}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.project}-${var.env_label}-public" }

  # A security group that is in use cannot be deleted.
  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # Port 80 only redirects to 443.
  ingress = {
    for pair in setproduct([80, 443], var.ingress_cidr_blocks) : "${pair[0]} ${pair[1]}" => { port = pair[0], block = pair[1] }
    if var.listener_arn == null
  }
}

resource "aws_vpc_security_group_ingress_rule" "public" {
  for_each = local.ingress

  security_group_id = aws_security_group.public[0].id
  description       = each.value.port == 80 ? "HTTP, which is redirected" : "HTTPS"
  cidr_ipv4         = strcontains(each.value.block, ":") ? null : each.value.block
  cidr_ipv6         = strcontains(each.value.block, ":") ? each.value.block : null
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

# To any address, because the tasks' addresses change; their own security group limits what they accept.
resource "aws_vpc_security_group_egress_rule" "tasks" {
  count = var.listener_arn == null ? 1 : 0

  security_group_id = aws_security_group.public[0].id
  description       = "Tasks"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = var.container_port
  to_port           = var.container_port
}

module "base" {
  source = "../base"

  project                = var.project
  env_label              = var.env_label
  short_project_label    = var.short_project_label
  vpc_id                 = var.vpc_id
  subnet_ids             = var.subnet_ids
  ssl_certificate_arn    = var.ssl_certificate_arn
  ssl_policy             = var.ssl_policy
  hosted_zone            = var.hosted_zone
  domain_name            = var.domain_name
  security_group_id      = one(aws_security_group.public[*].id)
  container_port         = var.container_port
  health_check_path      = var.health_check_path
  listener_arn           = var.listener_arn
  listener_rule_priority = var.listener_rule_priority
  deregistration_delay   = var.deregistration_delay
  access_logs_bucket     = var.access_logs_bucket
  deletion_protection    = var.deletion_protection
}

# Callers need the existing load balancer's security group to let it reach the tasks.
data "aws_lb" "existing" {
  count = var.listener_arn == null ? 0 : 1

  arn = module.base.load_balancer_arn
}
