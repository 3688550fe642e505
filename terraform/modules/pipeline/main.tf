data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  partition   = data.aws_partition.current.partition
  region      = data.aws_region.current.name
  account     = data.aws_caller_identity.current.account_id
  ecs         = "arn:${local.partition}:ecs:${local.region}:${local.account}"
  cluster_arn = "${local.ecs}:cluster/${var.cluster_name}"

  # Without a revision: ECS takes the newest one at the time, and a new one leaves the state machine as it is.
  family_arn = "${local.ecs}:task-definition/${var.task_definition_family}"

  # Known before the state machine is: its role may list its executions.
  arn = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${var.name}"
}

resource "aws_cloudwatch_log_group" "main" {
  # AWS keeps the permissions of groups under this prefix short.
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "main" {
  name        = "${var.name}-pipeline"
  description = "Runs the steps of ${var.name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnEquals    = { "aws:SourceArn" = local.arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "main" {
  name = "run"
  role = aws_iam_role.main.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Every revision of the one family, in the one cluster.
        Effect    = "Allow"
        Action    = "ecs:RunTask"
        Resource  = [local.family_arn, "${local.family_arn}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
      },
      {
        # Step Functions asks how the task is, and ends it when the step has taken too long.
        Effect    = "Allow"
        Action    = ["ecs:DescribeTasks", "ecs:StopTask"]
        Resource  = ["${local.ecs}:task/${var.cluster_name}/*"]
        Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
      },
      {
        # The tags that a task takes from its task definition, when it starts.
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
      {
        # By this rule of its own Step Functions learns that a task has ended: what .sync waits for.
        Effect   = "Allow"
        Action   = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
        Resource = ["arn:${local.partition}:events:${local.region}:${local.account}:rule/StepFunctionsGetEventsForECSTaskRule"]
      },
      {
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = [var.topic_arn]
      },
      {
        # Whether another execution is running.
        Effect   = "Allow"
        Action   = "states:ListExecutions"
        Resource = [local.arn]
      },
      {
        # The delivery of logs, whose actions know no resource.
        Effect = "Allow"
        Action = [
          "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
          "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
        ]
        Resource = "*"
      },
    ]
  })
}

resource "aws_sfn_state_machine" "main" {
  name     = var.name
  role_arn = aws_iam_role.main.arn

  definition = templatestring(var.definition, {
    partition              = local.partition
    env_label              = var.env_label
    cluster_arn            = local.cluster_arn
    task_definition_family = var.task_definition_family
    container_name         = var.container_name
    subnet_ids             = var.subnet_ids
    security_group_id      = var.security_group_id
    assign_public_ip       = var.assign_public_ip ? "ENABLED" : "DISABLED"
    topic_arn              = var.topic_arn
  })

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.main.arn}:*"
  }

  depends_on = [aws_iam_role_policy.main]
}

resource "aws_iam_role" "scheduler" {
  count = var.schedule == null ? 0 : 1

  name        = "${var.name}-scheduler"
  description = "Starts ${var.name} on schedule"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = local.account
          # EventBridge Scheduler gives the group of the schedule, and not the schedule.
          "aws:SourceArn" = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule-group/default"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  count = var.schedule == null ? 0 : 1

  name = "start"
  role = aws_iam_role.scheduler[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = [aws_sfn_state_machine.main.arn]
    }]
  })
}

resource "aws_scheduler_schedule" "main" {
  count = var.schedule == null ? 0 : 1

  name                         = var.name
  schedule_expression          = var.schedule.expression
  schedule_expression_timezone = var.schedule.timezone
  state                        = var.schedule.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sfn_state_machine.main.arn
    role_arn = aws_iam_role.scheduler[0].arn
    input    = jsonencode(var.schedule.parameters)

    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 3600
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}
