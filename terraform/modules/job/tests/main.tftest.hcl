mock_provider "aws" {
  mock_resource "aws_ecs_task_definition" {
    defaults = {
      arn                  = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job:7"
      arn_without_revision = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job"
    }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/adaptivity-dev-job-scheduler" }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
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
  name                  = "adaptivity-dev-job"
  cluster_name          = "adaptivity-dev"
  container_definitions = <<-JSON
    [{"name": "job", "image": "app:1.0.0", "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp"}]}]
  JSON
  cpu                   = 512
  memory                = 1024
  role_arn              = "arn:aws:iam::123456789012:role/adaptivity-dev-task"
  execution_role_arn    = "arn:aws:iam::123456789012:role/adaptivity-dev-execution"
  vpc_id                = "vpc-1"
  security_group_id     = "sg-1"
}

run "a_file_system_that_outlives_the_task" {
  command = apply

  variables {
    file_systems = { tmp = { file_system_id = "fs-1", access_point_id = "fsap-1" } }
  }

  assert {
    condition = (
      one(one(aws_ecs_task_definition.main.volume).efs_volume_configuration).file_system_id == "fs-1"
      && one(one(aws_ecs_task_definition.main.volume).efs_volume_configuration).transit_encryption == "ENABLED"
      && one(one(one(aws_ecs_task_definition.main.volume).efs_volume_configuration).authorization_config).access_point_id == "fsap-1"
    )
    error_message = "The volume is not the given access point."
  }
}

run "run_by_hand" {
  command = apply

  assert {
    condition = (
      output.family == "adaptivity-dev-job"
      && output.task_definition_arn == "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job:7"
      && output.schedule_names == {}
      && aws_ecs_task_definition.main.skip_destroy
      && aws_ecs_task_definition.main.requires_compatibilities == toset(["FARGATE"])
      && aws_ecs_task_definition.main.cpu == "512" && aws_ecs_task_definition.main.memory == "1024"
      && [for volume in aws_ecs_task_definition.main.volume : volume.name] == ["tmp"]
    )
    error_message = "The task definition does not have the given values."
  }

  assert {
    condition     = length(aws_iam_role.scheduler) == 0 && length(aws_iam_role_policy.scheduler) == 0
    error_message = "There is a role for schedules, although there are none."
  }
}

run "scheduled" {
  command   = apply
  state_key = "scheduled"

  variables {
    assign_public_ip = true
    schedules = {
      crawl = {
        expression = "cron(0 4 ? * SUN *)"
        timezone   = "Europe/Berlin"
        command    = ["python", "manage.py", "crawl"]
        cpu        = 1024
        memory     = 4096
        retries    = 0
      }
      replay = { expression = "rate(1 hour)", command = ["python", "manage.py", "replay"], enabled = false }
    }
  }

  assert {
    condition = alltrue([
      for schedule in aws_scheduler_schedule.main :
      schedule.target[0].ecs_parameters[0].task_definition_arn == "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job"
    ])
    error_message = "A schedule names the revision that was current when it was created."
  }

  assert {
    condition = (
      output.schedule_names == { crawl = "adaptivity-dev-job-crawl", replay = "adaptivity-dev-job-replay" }
      && aws_scheduler_schedule.main["crawl"].schedule_expression == "cron(0 4 ? * SUN *)"
      && aws_scheduler_schedule.main["crawl"].schedule_expression_timezone == "Europe/Berlin"
      && aws_scheduler_schedule.main["replay"].schedule_expression_timezone == "UTC"
      && aws_scheduler_schedule.main["crawl"].state == "ENABLED"
      && aws_scheduler_schedule.main["replay"].state == "DISABLED"
      && aws_scheduler_schedule.main["crawl"].flexible_time_window[0].mode == "OFF"
      && aws_scheduler_schedule.main["crawl"].target[0].retry_policy[0].maximum_retry_attempts == 0
      && aws_scheduler_schedule.main["replay"].target[0].retry_policy[0].maximum_retry_attempts == 3
    )
    error_message = "The schedules are not the given ones."
  }

  assert {
    condition = (
      aws_scheduler_schedule.main["crawl"].target[0].arn == "arn:aws:ecs:us-east-1:123456789012:cluster/adaptivity-dev"
      && aws_scheduler_schedule.main["crawl"].target[0].role_arn == aws_iam_role.scheduler[0].arn
      && aws_scheduler_schedule.main["crawl"].target[0].ecs_parameters[0].launch_type == "FARGATE"
      && aws_scheduler_schedule.main["crawl"].target[0].ecs_parameters[0].network_configuration[0].subnets == toset(["subnet-1", "subnet-2"])
      && aws_scheduler_schedule.main["crawl"].target[0].ecs_parameters[0].network_configuration[0].security_groups == toset(["sg-1"])
      && aws_scheduler_schedule.main["crawl"].target[0].ecs_parameters[0].network_configuration[0].assign_public_ip
    )
    error_message = "The tasks do not start in the given cluster, subnets and security group."
  }

  assert {
    condition = (
      jsondecode(aws_scheduler_schedule.main["crawl"].target[0].input) == {
        containerOverrides = [{ name = "job", command = ["python", "manage.py", "crawl"], memory = 4096 }]
        cpu                = "1024"
        memory             = "4096"
      }
      && jsondecode(aws_scheduler_schedule.main["replay"].target[0].input) == {
        containerOverrides = [{ name = "job", command = ["python", "manage.py", "replay"] }]
      }
    )
    error_message = "The overrides are not the given ones."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.scheduler[0].policy).Statement == [
      {
        Effect = "Allow"
        Action = "ecs:RunTask"
        Resource = [
          "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job",
          "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job:*",
        ]
        Condition = { ArnEquals = { "ecs:cluster" = "arn:aws:ecs:us-east-1:123456789012:cluster/adaptivity-dev" } }
      },
      {
        Effect    = "Allow"
        Action    = "ecs:TagResource"
        Resource  = ["arn:aws:ecs:us-east-1:123456789012:task/adaptivity-dev/*"]
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
      {
        Effect = "Allow"
        Action = "iam:PassRole"
        Resource = [
          "arn:aws:iam::123456789012:role/adaptivity-dev-task",
          "arn:aws:iam::123456789012:role/adaptivity-dev-execution",
        ]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
    error_message = "The scheduler may do more than start this job: ${aws_iam_role_policy.scheduler[0].policy}"
  }

  assert {
    condition = jsondecode(aws_iam_role.scheduler[0].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = "123456789012"
          "aws:SourceArn"     = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/default"
        }
      }
    }]
    error_message = "Others besides this account's scheduler may assume the role: ${aws_iam_role.scheduler[0].assume_role_policy}"
  }
}

run "what_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    name                  = "no spaces"
    container_definitions = "[]]"
    memory                = 512
    cpu_architecture      = "ARM"
    vpc_id                = null
  }

  # Terraform skips a variable whose validation refers to a refused one, so the schedules have their own run.
  expect_failures = [
    var.name, var.container_definitions, var.memory, var.cpu_architecture, var.subnet_ids,
  ]
}

run "a_schedule_that_is_none" {
  command   = plan
  state_key = "refused"

  variables {
    schedules = { never = { expression = "every day", command = ["crawl"] } }
  }

  expect_failures = [var.schedules]
}

run "a_schedule_that_does_nothing" {
  command   = plan
  state_key = "refused"

  variables {
    schedules = { nothing = { expression = "rate(1 day)", command = [] } }
  }

  expect_failures = [var.schedules]
}

run "no_such_size" {
  command   = plan
  state_key = "refused"

  variables {
    cpu = 300
  }

  expect_failures = [var.cpu]
}

run "a_schedule_of_no_such_size" {
  command   = plan
  state_key = "refused"

  variables {
    schedules = { crawl = { expression = "rate(1 day)", command = ["crawl"], cpu = 256, memory = 4096 } }
  }

  expect_failures = [var.schedules]
}
