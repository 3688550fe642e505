data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id

  # These ARNs are known before the state machines exist, because a role names the state machine that may assume it.
  states   = "arn:${local.partition}:states:${local.region}:${local.account}"
  arn      = "${local.states}:stateMachine:${var.name}"
  step_arn = "${local.states}:stateMachine:${local.step_name}"

  # Step Functions has one such rule for the whole account. It reports that what .sync waits for has ended.
  managed_rule = {
    Effect = "Allow"
    Action = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
  }
  rules = "arn:${local.partition}:events:${local.region}:${local.account}:rule"

  # The delivery of logs; its actions support no resources.
  log_delivery = {
    Effect = "Allow"
    Action = [
      "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
      "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
    ]
    Resource = "*"
  }
}

resource "aws_cloudwatch_log_group" "main" {
  # For log groups under this prefix, AWS keeps the resource policy short.
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "main" {
  name        = "${var.name}-pipeline"
  description = "Starts the steps of ${var.name}"

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
        # One execution of the child for each step.
        Effect   = "Allow"
        Action   = "states:StartExecution"
        Resource = [local.step_arn]
      },
      {
        # Step Functions checks the child's execution, and stops it when the pipeline's execution is stopped.
        Effect   = "Allow"
        Action   = ["states:DescribeExecution", "states:StopExecution"]
        Resource = ["${local.states}:execution:${local.step_name}:*"]
      },
      merge(local.managed_rule, { Resource = ["${local.rules}/StepFunctionsGetEventsForStepFunctionsExecutionRule"] }),
      {
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = [var.topic_arn]
      },
      {
        # To check whether another execution is running.
        Effect   = "Allow"
        Action   = "states:ListExecutions"
        Resource = [local.arn]
      },
      local.log_delivery,
    ]
  })
}

resource "aws_sfn_state_machine" "main" {
  name     = var.name
  role_arn = aws_iam_role.main.arn

  definition = templatestring(var.definition, {
    partition = local.partition
    env_label = var.env_label
    step_arn  = aws_sfn_state_machine.step.arn
    topic_arn = var.topic_arn
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
          # EventBridge Scheduler passes the ARN of the schedule's group, not of the schedule.
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
