resource "aws_ecs_task_definition" "main" {
  family                   = var.name
  container_definitions    = var.container_definitions
  execution_role_arn       = var.execution_role_arn # pulls images, reads secrets, writes logs
  task_role_arn            = var.role_arn
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = var.cpu
  memory                   = var.memory

  # Old revisions stay active: ECS and engineers need the one before to roll back.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  # Fargate has no tmpfs: a container with a read-only root writes to an empty volume of the task,
  # or to a file system that outlives it.
  dynamic "volume" {
    for_each = toset(flatten([
      for container in jsondecode(var.container_definitions) : [
        for mount in lookup(container, "mountPoints", []) : mount.sourceVolume
      ]
    ]))

    content {
      name = volume.value

      dynamic "efs_volume_configuration" {
        for_each = contains(keys(var.file_systems), volume.value) ? [var.file_systems[volume.value]] : []

        content {
          file_system_id     = efs_volume_configuration.value.file_system_id
          transit_encryption = "ENABLED"

          authorization_config {
            access_point_id = efs_volume_configuration.value.access_point_id
          }
        }
      }
    }
  }
}

data "aws_subnets" "main" {
  count = var.subnet_ids == null ? 1 : 0

  filter {
    name   = "vpc-id"
    values = [var.vpc_id]
  }
}

locals {
  subnet_ids = var.subnet_ids == null ? data.aws_subnets.main[0].ids : var.subnet_ids
}

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  partition   = data.aws_partition.current.partition
  region      = data.aws_region.current.name
  account     = data.aws_caller_identity.current.account_id
  ecs         = "arn:${local.partition}:ecs:${local.region}:${local.account}"
  cluster_arn = "${local.ecs}:cluster/${var.cluster_name}"
  container   = jsondecode(var.container_definitions)[0].name

  # This ARN does not depend on the revision, so a new revision leaves the schedules unchanged.
  family_arn = "${local.ecs}:task-definition/${var.name}"
}

resource "aws_iam_role" "scheduler" {
  count = length(var.schedules) > 0 ? 1 : 0

  name        = "${var.name}-scheduler"
  description = "Starts tasks of ${var.name} on schedule"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account
          # EventBridge Scheduler passes the ARN of the schedule's group, not of the schedule.
          "aws:SourceArn" = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule-group/default"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  count = length(var.schedules) > 0 ? 1 : 0

  name = "run"
  role = aws_iam_role.scheduler[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # All revisions of this family, because a schedule starts the newest; only in this cluster.
        Effect    = "Allow"
        Action    = "ecs:RunTask"
        Resource  = [local.family_arn, "${local.family_arn}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
      },
      {
        # The tags that a task takes over from its task definition when it starts.
        Effect    = "Allow"
        Action    = "ecs:TagResource"
        Resource  = ["${local.ecs}:task/${var.cluster_name}/*"]
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
      {
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = [var.role_arn, var.execution_role_arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_scheduler_schedule" "main" {
  for_each = var.schedules

  name                         = "${var.name}-${each.key}"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = each.value.timezone
  state                        = each.value.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = local.cluster_arn
    role_arn = aws_iam_role.scheduler[0].arn

    ecs_parameters {
      # Without a revision, so that ECS uses the newest one and no schedule stays on an old version.
      task_definition_arn = local.family_arn
      launch_type         = "FARGATE"
      propagate_tags      = "TASK_DEFINITION"

      network_configuration {
        subnets          = local.subnet_ids
        security_groups  = [var.security_group_id]
        assign_public_ip = var.assign_public_ip
      }
    }

    input = jsonencode(merge(
      {
        containerOverrides = [
          merge(
            { name = local.container, command = each.value.command },
            each.value.memory == null ? {} : { memory = each.value.memory },
          )
        ]
      },
      each.value.cpu == null ? {} : { cpu = tostring(each.value.cpu) },
      each.value.memory == null ? {} : { memory = tostring(each.value.memory) },
    ))

    retry_policy {
      maximum_retry_attempts       = each.value.retries
      maximum_event_age_in_seconds = 3600
    }
  }

  depends_on = [aws_ecs_task_definition.main, aws_iam_role_policy.scheduler]
}
