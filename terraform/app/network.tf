# An existing VPC can be used instead; the environment's own VPC is as small as possible.
module "vpc" {
  source = "../modules/network/vpc"
  count  = var.vpc_id == null ? 1 : 0

  project     = var.project
  env_label   = var.env_label
  cidr_block  = var.vpc_cidr_block
  nat_gateway = var.private_tasks
}

data "aws_subnets" "main" {
  count = var.vpc_id == null ? 0 : 1

  filter {
    name   = "vpc-id"
    values = [var.vpc_id]
  }
}

locals {
  vpc_id             = var.vpc_id == null ? module.vpc[0].vpc_id : var.vpc_id
  public_subnet_ids  = var.vpc_id == null ? module.vpc[0].public_subnet_ids : coalesce(var.public_subnet_ids, data.aws_subnets.main[0].ids)
  private_subnet_ids = var.vpc_id == null ? module.vpc[0].private_subnet_ids : coalesce(var.private_subnet_ids, data.aws_subnets.main[0].ids)

  task_subnet_ids  = var.private_tasks ? local.private_subnet_ids : local.public_subnet_ids
  assign_public_ip = !var.private_tasks
}

# The load balancer with its certificate, security group, Route 53 record and target group.
module "network" {
  source = "../modules/network/public"

  project             = var.project
  env_label           = var.env_label
  short_project_label = var.short_project_label
  vpc_id              = local.vpc_id
  subnet_ids          = local.public_subnet_ids
  ssl_certificate_arn = var.ssl_certificate_arn
  hosted_zone         = var.hosted_zone
  domain_name         = var.domain_name
  container_port      = 80
  health_check_path   = "/health/"
  ingress_cidr_blocks = var.ingress_cidr_blocks
  access_logs_bucket  = var.access_logs_bucket
  deletion_protection = var.deletion_protection
}

# For all tasks. Only the load balancer (at nginx) and the tasks themselves (at RabbitMQ) can reach them. Only nginx,
# which shares the task's network interface, can reach gunicorn's port 8000.
resource "aws_security_group" "ecs_service" {
  name        = "${local.name}-ecs-service"
  description = "Tasks of ${local.name}"
  vpc_id      = local.vpc_id

  tags = { Name = "${local.name}-ecs-service" }

  # A security group that is in use cannot be deleted.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  security_group_id            = aws_security_group.ecs_service.id
  description                  = "nginx from the load balancer"
  referenced_security_group_id = module.network.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
}

resource "aws_vpc_security_group_ingress_rule" "rabbit" {
  security_group_id            = aws_security_group.ecs_service.id
  description                  = "RabbitMQ from web, worker and jobs"
  referenced_security_group_id = aws_security_group.ecs_service.id
  ip_protocol                  = "tcp"
  from_port                    = 5672
  to_port                      = 5672
}

# All addresses: those of AWS for images, logs and secrets change, and scrapers and crawlers have to call other sites.
resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.ecs_service.id
  description       = "AWS, the database, RabbitMQ, and what jobs fetch"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_service_discovery_private_dns_namespace" "main" {
  name        = "${var.env_label}.${var.project}.internal"
  description = "Where the tasks of ${local.name} find RabbitMQ"
  vpc         = local.vpc_id
}
