mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/adaptivity-dev-nightly" }
  }
  mock_resource "aws_sfn_state_machine" {
    defaults = { arn = "arn:aws:states:us-east-1:123456789012:stateMachine:adaptivity-dev-nightly" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/adaptivity-dev-nightly" }
  }
  override_resource {
    target = aws_iam_role.step
    values = { arn = "arn:aws:iam::123456789012:role/adaptivity-dev-nightly-step" }
  }
  override_resource {
    target = aws_sfn_state_machine.step
    values = { arn = "arn:aws:states:us-east-1:123456789012:stateMachine:adaptivity-dev-nightly-step" }
  }
  override_resource {
    target = aws_cloudwatch_log_group.step
    values = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/adaptivity-dev-nightly-step" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name                   = "adaptivity-dev-nightly"
  env_label              = "dev"
  cluster_name           = "adaptivity-dev"
  task_definition_family = "adaptivity-dev-job"
  role_arn               = "arn:aws:iam::123456789012:role/adaptivity-dev-task"
  execution_role_arn     = "arn:aws:iam::123456789012:role/adaptivity-dev-execution"
  subnet_ids             = ["subnet-1", "subnet-2"]
  security_group_id      = "sg-1"
  topic_arn              = "arn:aws:sns:us-east-1:123456789012:adaptivity-dev-alarms"
  definition             = <<-JSON
    {
      "resource": "arn:$${partition}:states:::states:startExecution.sync:2",
      "path": "$$.Execution.Id",
      "step": "$${step_arn}", "topic": "$${topic_arn}", "environment": "$${env_label}"
    }
  JSON
}

run "by_hand" {
  command = apply

  assert {
    condition = jsondecode(aws_sfn_state_machine.main.definition) == {
      resource    = "arn:aws:states:::states:startExecution.sync:2"
      path        = "$$.Execution.Id"
      step        = output.step_state_machine_arn
      topic       = "arn:aws:sns:us-east-1:123456789012:adaptivity-dev-alarms"
      environment = "dev"
    }
    error_message = "The definition is not the template with its values: ${aws_sfn_state_machine.main.definition}"
  }

  assert {
    condition = jsondecode(aws_sfn_state_machine.step.definition).States.Run.Resource == "arn:aws:states:::ecs:runTask.sync" && {
      for name, value in jsondecode(aws_sfn_state_machine.step.definition).States.Run.Parameters : name => value
      if name != "Overrides"
      } == {
      Cluster        = "arn:aws:ecs:us-east-1:123456789012:cluster/adaptivity-dev"
      TaskDefinition = "adaptivity-dev-job"
      LaunchType     = "FARGATE"
      PropagateTags  = "TASK_DEFINITION"
      NetworkConfiguration = {
        AwsvpcConfiguration = { Subnets = ["subnet-1", "subnet-2"], SecurityGroups = ["sg-1"], AssignPublicIp = "DISABLED" }
      }
    }
    error_message = "A step does not run where it should: ${aws_sfn_state_machine.step.definition}"
  }

  assert {
    condition = (
      jsondecode(aws_sfn_state_machine.step.definition).States.Run.Parameters.Overrides.ContainerOverrides[0].Name == "job"
      && output.step_state_machine_arn == "arn:aws:states:us-east-1:123456789012:stateMachine:adaptivity-dev-nightly-step"
      && aws_sfn_state_machine.step.name == "adaptivity-dev-nightly-step"
      && aws_sfn_state_machine.step.role_arn == aws_iam_role.step.arn
      && aws_sfn_state_machine.step.logging_configuration[0].level == "ERROR"
      && aws_sfn_state_machine.step.logging_configuration[0].log_destination == "${aws_cloudwatch_log_group.step.arn}:*"
      && aws_cloudwatch_log_group.step.name == output.step_log_group_name
      && aws_cloudwatch_log_group.step.retention_in_days == 30
    )
    error_message = "The state machine of a step lacks its container, its role or its log."
  }

  assert {
    condition = (
      aws_sfn_state_machine.main.role_arn == aws_iam_role.main.arn
      && aws_sfn_state_machine.main.logging_configuration[0].level == "ERROR"
      && aws_sfn_state_machine.main.logging_configuration[0].log_destination == "${aws_cloudwatch_log_group.main.arn}:*"
      && aws_cloudwatch_log_group.main.retention_in_days == 30
    )
    error_message = "The state machine lacks its role or its log."
  }

  assert {
    condition     = output.schedule_name == null && length(aws_iam_role.scheduler) == 0 && length(aws_iam_role_policy.scheduler) == 0
    error_message = "There is a schedule, or a role for one, although none was requested."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.main.policy).Statement : {
        action    = flatten([statement.Action])
        resource  = flatten([statement.Resource])
        condition = try(statement.Condition, null)
      }
      if !startswith(flatten([statement.Action])[0], "logs:")
      ] == [
      {
        action    = ["states:StartExecution"]
        resource  = ["arn:aws:states:us-east-1:123456789012:stateMachine:adaptivity-dev-nightly-step"]
        condition = null
      },
      {
        action    = ["states:DescribeExecution", "states:StopExecution"]
        resource  = ["arn:aws:states:us-east-1:123456789012:execution:adaptivity-dev-nightly-step:*"]
        condition = null
      },
      {
        action    = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
        resource  = ["arn:aws:events:us-east-1:123456789012:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"]
        condition = null
      },
      {
        action    = ["sns:Publish"]
        resource  = ["arn:aws:sns:us-east-1:123456789012:adaptivity-dev-alarms"]
        condition = null
      },
      {
        action    = ["states:ListExecutions"]
        resource  = ["arn:aws:states:us-east-1:123456789012:stateMachine:adaptivity-dev-nightly"]
        condition = null
      },
    ]
    error_message = "The state machine may do more than start its steps: ${aws_iam_role_policy.main.policy}"
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.step.policy).Statement : {
        action    = flatten([statement.Action])
        resource  = flatten([statement.Resource])
        condition = try(statement.Condition, null)
      }
      if !startswith(flatten([statement.Action])[0], "logs:")
      ] == [
      {
        action = ["ecs:RunTask"]
        resource = [
          "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job",
          "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job:*",
        ]
        condition = { ArnEquals = { "ecs:cluster" = "arn:aws:ecs:us-east-1:123456789012:cluster/adaptivity-dev" } }
      },
      {
        action    = ["ecs:DescribeTasks", "ecs:StopTask"]
        resource  = ["arn:aws:ecs:us-east-1:123456789012:task/adaptivity-dev/*"]
        condition = { ArnEquals = { "ecs:cluster" = "arn:aws:ecs:us-east-1:123456789012:cluster/adaptivity-dev" } }
      },
      {
        action    = ["ecs:TagResource"]
        resource  = ["arn:aws:ecs:us-east-1:123456789012:task/adaptivity-dev/*"]
        condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
      {
        action = ["iam:PassRole"]
        resource = [
          "arn:aws:iam::123456789012:role/adaptivity-dev-task",
          "arn:aws:iam::123456789012:role/adaptivity-dev-execution",
        ]
        condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        action    = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
        resource  = ["arn:aws:events:us-east-1:123456789012:rule/StepFunctionsGetEventsForECSTaskRule"]
        condition = null
      },
    ]
    error_message = "The state machine of a step may do more than run it: ${aws_iam_role_policy.step.policy}"
  }

  assert {
    condition = jsondecode(aws_iam_role.main.assume_role_policy).Statement[0].Condition == {
      StringEquals = { "aws:SourceAccount" = "123456789012" }
      ArnEquals    = { "aws:SourceArn" = "arn:aws:states:us-east-1:123456789012:stateMachine:adaptivity-dev-nightly" }
    }
    error_message = "Others besides this state machine may assume the role."
  }

  assert {
    condition = jsondecode(aws_iam_role.step.assume_role_policy).Statement[0].Condition == {
      StringEquals = { "aws:SourceAccount" = "123456789012" }
      ArnEquals    = { "aws:SourceArn" = "arn:aws:states:us-east-1:123456789012:stateMachine:adaptivity-dev-nightly-step" }
    }
    error_message = "Others besides the state machine of a step may assume its role."
  }
}

run "scheduled" {
  command   = apply
  state_key = "scheduled"

  variables {
    assign_public_ip = true
    schedule         = { expression = "cron(0 8 * * ? *)", parameters = { source = "demo" } }
  }

  assert {
    condition = (
      output.schedule_name == "adaptivity-dev-nightly"
      && aws_scheduler_schedule.main[0].schedule_expression == "cron(0 8 * * ? *)"
      && aws_scheduler_schedule.main[0].schedule_expression_timezone == "UTC"
      && aws_scheduler_schedule.main[0].state == "ENABLED"
      && aws_scheduler_schedule.main[0].target[0].arn == output.state_machine_arn
      && aws_scheduler_schedule.main[0].target[0].role_arn == aws_iam_role.scheduler[0].arn
      && jsondecode(aws_scheduler_schedule.main[0].target[0].input) == { source = "demo" }
      && jsondecode(aws_sfn_state_machine.step.definition).States.Run.Parameters.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp == "ENABLED"
    )
    error_message = "The schedule is not the given one."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.scheduler[0].policy).Statement == [{
      Effect   = "Allow"
      Action   = "states:StartExecution"
      Resource = ["arn:aws:states:us-east-1:123456789012:stateMachine:adaptivity-dev-nightly"]
    }]
    error_message = "The scheduler may do more than start this pipeline."
  }
}

run "paused" {
  command   = apply
  state_key = "paused"

  variables {
    schedule = { expression = "rate(1 day)", enabled = false }
  }

  assert {
    condition     = aws_scheduler_schedule.main[0].state == "DISABLED"
    error_message = "A schedule that was switched off is on."
  }
}

run "what_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    name                   = "no spaces"
    definition             = "{}"
    task_definition_family = "adaptivity-dev-job:7"
    subnet_ids             = []
    schedule               = { expression = "every day" }
  }

  expect_failures = [var.name, var.definition, var.task_definition_family, var.subnet_ids, var.schedule]
}
