# The child: the state machine that runs one step. Its definition is the same for every pipeline.

locals {
  step_name   = "${var.name}-step"
  ecs         = "arn:${local.partition}:ecs:${local.region}:${local.account}"
  cluster_arn = "${local.ecs}:cluster/${var.cluster_name}"

  # Without a revision, so that ECS uses the newest one and a new revision does not change the state machine.
  family_arn = "${local.ecs}:task-definition/${var.task_definition_family}"
}

resource "aws_cloudwatch_log_group" "step" {
  name              = "/aws/vendedlogs/states/${local.step_name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "step" {
  name        = local.step_name
  description = "Runs a step of ${var.name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnEquals    = { "aws:SourceArn" = local.step_arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "step" {
  name = "run"
  role = aws_iam_role.step.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # All revisions of this family, only in this cluster.
        Effect    = "Allow"
        Action    = "ecs:RunTask"
        Resource  = [local.family_arn, "${local.family_arn}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
      },
      {
        # Step Functions checks the task, and stops it when the step takes too long.
        Effect    = "Allow"
        Action    = ["ecs:DescribeTasks", "ecs:StopTask"]
        Resource  = ["${local.ecs}:task/${var.cluster_name}/*"]
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
      merge(local.managed_rule, { Resource = ["${local.rules}/StepFunctionsGetEventsForECSTaskRule"] }),
      local.log_delivery,
    ]
  })
}

resource "aws_sfn_state_machine" "step" {
  name     = local.step_name
  role_arn = aws_iam_role.step.arn

  definition = templatefile("${path.module}/step.asl.tpl", {
    partition              = local.partition
    cluster_arn            = local.cluster_arn
    task_definition_family = var.task_definition_family
    container_name         = var.container_name
    subnet_ids             = var.subnet_ids
    security_group_id      = var.security_group_id
    assign_public_ip       = var.assign_public_ip ? "ENABLED" : "DISABLED"
  })

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.step.arn}:*"
  }

  depends_on = [aws_iam_role_policy.step]
}
