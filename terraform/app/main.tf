locals {
  name = "${var.project}-${var.env_label}"
}

resource "aws_ecs_cluster" "main" {
  count = var.cluster_name == null ? 1 : 0

  name = local.name

  setting {
    name  = "containerInsights"
    value = var.container_insights
  }
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  count = var.cluster_name == null ? 1 : 0

  cluster_name       = aws_ecs_cluster.main[0].name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

locals {
  # Refers to the capacity providers, which have to exist before a service can name them.
  cluster_name = var.cluster_name == null ? aws_ecs_cluster_capacity_providers.main[0].cluster_name : var.cluster_name
  cluster_arn  = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:cluster/${local.cluster_name}"
}

resource "aws_cloudwatch_log_group" "main" {
  name              = local.name
  retention_in_days = var.log_retention_days
}

module "task_definitions" {
  source = "./task_definitions"

  project                = var.project
  env_label              = var.env_label
  domain_name            = var.domain_name
  app_image              = var.app_image
  nginx_image            = var.nginx_image
  rabbit_image           = var.rabbit_image
  app_tag                = var.app_tag
  DJANGO_SETTINGS_MODULE = var.DJANGO_SETTINGS_MODULE
  log_group_name         = aws_cloudwatch_log_group.main.name
  settings               = var.settings
  app_secrets            = var.app_secrets
  job_files              = var.job_files
  jobs_count             = var.jobs_count
  rabbit_secrets         = var.rabbit_secrets
  region                 = data.aws_region.current.name
  account_id             = data.aws_caller_identity.current.account_id
  partition              = data.aws_partition.current.partition
}

locals {
  tasks = {
    for name, task in module.task_definitions.task_definitions : name => {
      container_definitions = module.task_definitions.container_definitions[name]
      cpu                   = tonumber(task.cpu)
      memory                = tonumber(task.memory)
    }
  }

  parameters = toset(concat(values(var.app_secrets), values(var.rabbit_secrets)))
}

module "secrets" {
  source = "../modules/secrets"

  project    = var.project
  scope      = var.env_label
  names      = [for parameter in local.parameters : parameter if !startswith(parameter, "common/")]
  kms_key_id = var.secrets_kms_key_arn
}

locals {
  parameter_arns = concat(
    values(module.secrets.arns),
    [
      for parameter in local.parameters :
      "arn:${data.aws_partition.current.partition}:ssm:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:parameter/${var.project}/${parameter}"
      if startswith(parameter, "common/")
    ],
  )

  # The ECR repositories among the images; other registries need no permission.
  repositories = compact([
    for image in toset([var.app_image, var.nginx_image, var.rabbit_image]) : try(
      format(
        "arn:%s:ecr:%s:%s:repository/%s", data.aws_partition.current.partition,
        regex("^\\d{12}\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com", image)[0],
        regex("^(\\d{12})\\.dkr", image)[0],
        regex("^[^/]+/([^:@]+)", image)[0],
      ), null
    )
  ])
}

module "execution_role" {
  source = "../modules/execution_role"

  name            = "${local.name}-execution"
  repository_arns = local.repositories
  log_group_arn   = aws_cloudwatch_log_group.main.arn
  parameter_arns  = local.parameter_arns
  kms_key_arns    = var.secrets_kms_key_arn == null ? [] : [var.secrets_kms_key_arn]
}

module "task_role" {
  source = "../modules/task_role"

  name     = "${local.name}-task"
  policies = var.task_policies
}

module "database" {
  source = "../modules/database"

  project                   = var.project
  env_label                 = var.env_label
  vpc_id                    = local.vpc_id
  subnet_ids                = local.private_subnet_ids
  security_group_id         = aws_security_group.ecs_service.id
  engine_version            = var.database.engine_version
  instance_class            = var.database.instance_class
  allocated_storage         = var.database.allocated_storage
  max_allocated_storage     = var.database.max_allocated_storage
  multi_az                  = var.database.multi_az
  backup_retention_days     = var.database.backup_retention_days
  skip_final_snapshot       = var.database.skip_final_snapshot
  final_snapshot_identifier = var.database.final_snapshot_identifier
  deletion_protection       = var.deletion_protection
  password                  = var.database_password
  password_version          = var.database_password_version
}
