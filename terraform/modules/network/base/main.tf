data "aws_subnets" "main" {
  count = var.listener_arn == null && var.subnet_ids == null ? 1 : 0

  filter {
    name   = "vpc-id"
    values = [var.vpc_id]
  }
}

data "aws_route53_zone" "main" {
  name = var.hosted_zone
}

# If an existing load balancer's HTTPS listener is given, it and its load balancer are used.
data "aws_lb_listener" "existing" {
  count = var.listener_arn == null ? 0 : 1

  arn = var.listener_arn
}

data "aws_lb" "existing" {
  count = var.listener_arn == null ? 0 : 1

  arn = data.aws_lb_listener.existing[0].load_balancer_arn
}

locals {
  name   = "${var.project}-${var.env_label}"
  is_new = var.listener_arn == null

  load_balancer = {
    arn        = local.is_new ? aws_lb.main[0].arn : data.aws_lb.existing[0].arn
    arn_suffix = local.is_new ? aws_lb.main[0].arn_suffix : data.aws_lb.existing[0].arn_suffix
    dns_name   = local.is_new ? aws_lb.main[0].dns_name : data.aws_lb.existing[0].dns_name
    zone_id    = local.is_new ? aws_lb.main[0].zone_id : data.aws_lb.existing[0].zone_id
  }
}

resource "aws_lb" "main" {
  count = local.is_new ? 1 : 0

  name            = local.name
  subnets         = coalesce(var.subnet_ids, try(data.aws_subnets.main[0].ids, null))
  security_groups = [var.security_group_id]

  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection

  dynamic "access_logs" {
    for_each = var.access_logs_bucket == null ? [] : [var.access_logs_bucket]

    content {
      bucket  = access_logs.value
      prefix  = local.name
      enabled = true
    }
  }

  lifecycle {
    precondition {
      condition     = var.security_group_id != null
      error_message = "A new load balancer needs security_group_id."
    }
  }
}

resource "aws_lb_listener" "main" {
  count = local.is_new ? 1 : 0

  load_balancer_arn = aws_lb.main[0].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = var.ssl_policy
  certificate_arn   = var.ssl_certificate_arn

  # For host names that no rule matches.
  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Service Temporarily Unavailable (ALB Default Action)"
      status_code  = "503"
    }
  }
}

resource "aws_lb_listener" "redirect" {
  count = local.is_new ? 1 : 0

  load_balancer_arn = aws_lb.main[0].arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

# An existing listener may only have certificates for other names.
resource "aws_lb_listener_certificate" "main" {
  count = local.is_new || var.ssl_certificate_arn == null ? 0 : 1

  listener_arn    = var.listener_arn
  certificate_arn = var.ssl_certificate_arn
}

resource "aws_lb_target_group" "main" {
  # A prefix, because a new group may be needed before this one can be deleted.
  name_prefix = var.short_project_label
  port        = var.container_port
  protocol    = "HTTP"
  target_type = "ip" # required for the network mode awsvpc
  vpc_id      = var.vpc_id

  # Fargate waits this long before it stops a task that has left.
  deregistration_delay = var.deregistration_delay

  health_check {
    path                = var.health_check_path
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  tags = { Name = local.name }

  # A target group cannot be deleted while a listener rule names it.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener_rule" "main" {
  listener_arn = local.is_new ? aws_lb_listener.main[0].arn : var.listener_arn
  priority     = var.listener_rule_priority

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.main.arn
  }

  # A new load balancer serves one service, which checks host names itself; a shared one needs a rule for the name.
  condition {
    dynamic "path_pattern" {
      for_each = local.is_new ? [1] : []

      content {
        values = ["*"]
      }
    }

    dynamic "host_header" {
      for_each = local.is_new ? [] : [1]

      content {
        values = [var.domain_name]
      }
    }
  }
}

resource "aws_route53_record" "main" {
  zone_id = data.aws_route53_zone.main.zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = local.load_balancer.dns_name
    zone_id                = local.load_balancer.zone_id
    evaluate_target_health = false
  }
}
