mock_provider "aws" {
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/adaptivity-dev/1" }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/adaptivity-dev/1/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/adapt-1/1" }
  }
  mock_resource "aws_security_group" {
    defaults = { id = "sg-public" }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
  }
  mock_data "aws_lb_listener" {
    defaults = { load_balancer_arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shared/1" }
  }
  mock_data "aws_lb" {
    defaults = {
      arn             = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shared/1"
      security_groups = ["sg-shared"]
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
}

run "open_to_everybody" {
  command = apply

  assert {
    condition = {
      for name, rule in aws_vpc_security_group_ingress_rule.public :
      name => [rule.security_group_id, rule.ip_protocol, rule.from_port, rule.to_port, rule.cidr_ipv4]
      } == {
      "80 0.0.0.0/0"  = ["sg-public", "tcp", 80, 80, "0.0.0.0/0"]
      "443 0.0.0.0/0" = ["sg-public", "tcp", 443, 443, "0.0.0.0/0"]
    }
    error_message = "The load balancer is not open on exactly ports 80 and 443."
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.tasks[0].security_group_id == "sg-public"
      && aws_vpc_security_group_egress_rule.tasks[0].from_port == 80
      && aws_vpc_security_group_egress_rule.tasks[0].to_port == 80
    )
    error_message = "The load balancer reaches more than the container's port."
  }

  assert {
    condition = (
      output.security_group_id == "sg-public" && output.url == "https://adaptivity-dev.example.edu"
      && output.target_group_arn == "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/adapt-1/1"
      && output.listener_arn == "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/adaptivity-dev/1/1"
    )
    error_message = "The outputs are not those of the resources."
  }
}

run "open_to_some" {
  command   = plan
  state_key = "some"

  variables {
    ingress_cidr_blocks = ["192.0.2.0/24", "2001:db8::/32"]
  }

  assert {
    condition = toset([
      for rule in aws_vpc_security_group_ingress_rule.public :
      "${rule.from_port} ${coalesce(rule.cidr_ipv4, "-")} ${coalesce(rule.cidr_ipv6, "-")}"
      ]) == toset([
      "80 192.0.2.0/24 -", "443 192.0.2.0/24 -", "80 - 2001:db8::/32", "443 - 2001:db8::/32",
    ])
    error_message = "The load balancer is open to other addresses than the given ones."
  }
}

run "an_existing_load_balancer" {
  command   = apply
  state_key = "existing"

  variables {
    listener_arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/1/1"
  }

  assert {
    condition = (
      length(aws_security_group.public) == 0
      && length(aws_vpc_security_group_ingress_rule.public) == 0
      && length(aws_vpc_security_group_egress_rule.tasks) == 0
      && output.security_group_id == "sg-shared"
    )
    error_message = "A security group was created beside the existing load balancer's."
  }
}

run "what_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    ingress_cidr_blocks = ["everybody"]
  }

  expect_failures = [var.ingress_cidr_blocks]
}
