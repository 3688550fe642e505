mock_provider "aws" {
  mock_resource "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/adaptivity-dev/1"
      arn_suffix = "app/adaptivity-dev/1"
      dns_name   = "adaptivity-dev-1.us-east-1.elb.amazonaws.com"
      zone_id    = "ZNEW"
    }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/adaptivity-dev/1/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/adapt-1/1"
      arn_suffix = "targetgroup/adapt-1/1"
    }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
  }
  mock_data "aws_route53_zone" {
    defaults = { zone_id = "ZONE" }
  }
  mock_data "aws_lb_listener" {
    defaults = { load_balancer_arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shared/1" }
  }
  mock_data "aws_lb" {
    defaults = {
      arn        = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shared/1"
      arn_suffix = "app/shared/1"
      dns_name   = "shared-1.us-east-1.elb.amazonaws.com"
      zone_id    = "ZSHARED"
    }
  }
}

variables {
  project             = "adaptivity"
  env_label           = "dev"
  short_project_label = "adapt"
  vpc_id              = "vpc-1"
  ssl_certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
  hosted_zone         = "example.edu"
  domain_name         = "adaptivity-dev.example.edu"
  security_group_id   = "sg-1"
}

run "a_load_balancer_of_its_own" {
  command = apply

  assert {
    condition = (
      aws_lb.main[0].name == "adaptivity-dev"
      && aws_lb.main[0].subnets == toset(["subnet-1", "subnet-2"])
      && aws_lb.main[0].security_groups == toset(["sg-1"])
      && aws_lb.main[0].drop_invalid_header_fields
      && !aws_lb.main[0].enable_deletion_protection
      && length(aws_lb.main[0].access_logs) == 0
    )
    error_message = "The load balancer is not in the VPC's subnets and the given security group."
  }

  assert {
    condition = (
      aws_lb_listener.main[0].port == 443 && aws_lb_listener.main[0].protocol == "HTTPS"
      && aws_lb_listener.main[0].certificate_arn == "arn:aws:acm:us-east-1:123456789012:certificate/1"
      && aws_lb_listener.main[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06"
      && aws_lb_listener.main[0].default_action[0].type == "fixed-response"
      && aws_lb_listener.main[0].default_action[0].fixed_response[0].status_code == "503"
    )
    error_message = "A request that no rule matches is not answered with 503 over TLS."
  }

  assert {
    condition = (
      aws_lb_listener.redirect[0].port == 80 && aws_lb_listener.redirect[0].protocol == "HTTP"
      && aws_lb_listener.redirect[0].default_action[0].type == "redirect"
      && aws_lb_listener.redirect[0].default_action[0].redirect[0].protocol == "HTTPS"
      && aws_lb_listener.redirect[0].default_action[0].redirect[0].port == "443"
      && aws_lb_listener.redirect[0].default_action[0].redirect[0].status_code == "HTTP_301"
    )
    error_message = "HTTP is not redirected to HTTPS."
  }

  assert {
    condition = (
      aws_lb_target_group.main.name_prefix == "adapt" && aws_lb_target_group.main.target_type == "ip"
      && aws_lb_target_group.main.port == 80 && aws_lb_target_group.main.protocol == "HTTP"
      && aws_lb_target_group.main.deregistration_delay == "30"
      && aws_lb_target_group.main.health_check[0].path == "/health/"
      && aws_lb_target_group.main.health_check[0].matcher == "200"
    )
    error_message = "The target group does not have the type ip, or is not healthy when /health/ answers 200."
  }

  assert {
    condition = (
      aws_lb_listener_rule.main.listener_arn == aws_lb_listener.main[0].arn
      && one(aws_lb_listener_rule.main.action).type == "forward"
      && one(aws_lb_listener_rule.main.action).target_group_arn == aws_lb_target_group.main.arn
      && one(one(aws_lb_listener_rule.main.condition).path_pattern).values == toset(["*"])
      && length(one(aws_lb_listener_rule.main.condition).host_header) == 0
    )
    error_message = "The rule does not send every request to the target group."
  }

  assert {
    condition = (
      aws_route53_record.main.zone_id == "ZONE" && aws_route53_record.main.name == "adaptivity-dev.example.edu"
      && aws_route53_record.main.type == "A"
      && aws_route53_record.main.alias[0].name == "adaptivity-dev-1.us-east-1.elb.amazonaws.com"
      && aws_route53_record.main.alias[0].zone_id == "ZNEW"
    )
    error_message = "The name does not lead to the load balancer."
  }

  assert {
    condition = (
      output.url == "https://adaptivity-dev.example.edu"
      && output.target_group_arn == aws_lb_target_group.main.arn
      && output.target_group_arn_suffix == "targetgroup/adapt-1/1"
      && output.load_balancer_arn == aws_lb.main[0].arn
      && output.load_balancer_arn_suffix == "app/adaptivity-dev/1"
      && output.load_balancer_dns_name == "adaptivity-dev-1.us-east-1.elb.amazonaws.com"
      && output.listener_arn == aws_lb_listener.main[0].arn
      && length(aws_lb_listener_certificate.main) == 0
    )
    error_message = "The outputs are not those of the resources."
  }
}

run "an_existing_load_balancer" {
  command   = apply
  state_key = "existing"

  variables {
    listener_arn           = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/1/1"
    listener_rule_priority = 10
    security_group_id      = null
  }

  assert {
    condition     = length(aws_lb.main) == 0 && length(aws_lb_listener.main) == 0 && length(aws_lb_listener.redirect) == 0
    error_message = "A new load balancer was created beside the existing one."
  }

  assert {
    condition = (
      aws_lb_listener_rule.main.listener_arn == "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/1/1"
      && aws_lb_listener_rule.main.priority == 10
      && one(one(aws_lb_listener_rule.main.condition).host_header).values == toset(["adaptivity-dev.example.edu"])
      && length(one(aws_lb_listener_rule.main.condition).path_pattern) == 0
      && aws_lb_listener_certificate.main[0].certificate_arn == "arn:aws:acm:us-east-1:123456789012:certificate/1"
    )
    error_message = "The shared listener does not send exactly this host's requests to the target group."
  }

  assert {
    condition = (
      aws_route53_record.main.alias[0].name == "shared-1.us-east-1.elb.amazonaws.com"
      && aws_route53_record.main.alias[0].zone_id == "ZSHARED"
      && output.load_balancer_arn_suffix == "app/shared/1"
      && output.listener_arn == "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/1/1"
    )
    error_message = "The name does not lead to the shared load balancer."
  }
}

run "what_can_be_chosen" {
  command   = plan
  state_key = "chosen"

  variables {
    subnet_ids           = ["subnet-8", "subnet-9"]
    access_logs_bucket   = "logs"
    deletion_protection  = true
    health_check_path    = "/ready/"
    container_port       = 8000
    deregistration_delay = 120
  }

  assert {
    condition = (
      aws_lb.main[0].subnets == toset(["subnet-8", "subnet-9"])
      && aws_lb.main[0].enable_deletion_protection
      && aws_lb.main[0].access_logs[0].bucket == "logs" && aws_lb.main[0].access_logs[0].enabled
      && aws_lb_target_group.main.health_check[0].path == "/ready/"
      && aws_lb_target_group.main.port == 8000
      && aws_lb_target_group.main.deregistration_delay == "120"
    )
    error_message = "The plan does not have the given values."
  }
}

run "what_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    env_label            = "an-environment-of-far-too-long-a-name"
    short_project_label  = "adaptivity"
    subnet_ids           = ["subnet-1"]
    ssl_certificate_arn  = null
    health_check_path    = "health/"
    deregistration_delay = 3601
  }

  expect_failures = [
    var.env_label, var.short_project_label, var.subnet_ids, var.ssl_certificate_arn, var.health_check_path,
    var.deregistration_delay,
  ]
}

run "a_load_balancer_without_security_group" {
  command   = plan
  state_key = "refused"

  variables {
    security_group_id = null
  }

  expect_failures = [aws_lb.main]
}
