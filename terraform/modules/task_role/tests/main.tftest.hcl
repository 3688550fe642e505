mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name = "adaptivity-dev-task"
}

run "nothing_by_default" {
  command = plan

  assert {
    condition     = length(aws_iam_role_policy.main) == 0
    error_message = "The role may do something that was not requested."
  }

  assert {
    condition = jsondecode(aws_iam_role.main.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = "123456789012" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:ecs:us-east-1:123456789012:*" }
      }
    }]
    error_message = "The trust policy is ${aws_iam_role.main.assume_role_policy}."
  }
}

run "what_is_asked_for" {
  command = plan

  variables {
    policies               = { exports = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
    enable_execute_command = true
  }

  assert {
    condition     = keys(aws_iam_role_policy.main) == ["execute-command", "exports"]
    error_message = "The policies are ${join(", ", keys(aws_iam_role_policy.main))}."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.main["execute-command"].policy).Statement[0].Action == [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    error_message = "The role does not have exactly the four actions of ECS Exec."
  }
}

run "what_is_refused" {
  command = plan

  variables {
    name     = "no spaces"
    policies = { exports = "not JSON" }
  }

  expect_failures = [var.name, var.policies]
}
