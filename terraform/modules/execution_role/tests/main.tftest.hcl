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
  name            = "adaptivity-dev-execution"
  repository_arns = ["arn:aws:ecr:us-east-1:123456789012:repository/adaptivity/app"]
  log_group_arn   = "arn:aws:logs:us-east-1:123456789012:log-group:adaptivity-dev"
  parameter_arns  = ["arn:aws:ssm:us-east-1:123456789012:parameter/adaptivity/dev/SECRET_KEY"]
}

run "exactly_what_is_named" {
  command = plan

  variables {
    secret_arns  = ["arn:aws:secretsmanager:us-east-1:123456789012:secret:adaptivity-Ab1"]
    kms_key_arns = ["arn:aws:kms:us-east-1:123456789012:key/1234"]
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.main.policy).Statement == [
      { Effect = "Allow", Sid = "Login", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
      {
        Effect   = "Allow"
        Sid      = "Pull"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["arn:aws:ecr:us-east-1:123456789012:repository/adaptivity/app"]
      },
      {
        Effect   = "Allow"
        Sid      = "Log"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:us-east-1:123456789012:log-group:adaptivity-dev:log-stream:*"]
      },
      {
        Effect   = "Allow"
        Sid      = "Parameters"
        Action   = ["ssm:GetParameters"]
        Resource = ["arn:aws:ssm:us-east-1:123456789012:parameter/adaptivity/dev/SECRET_KEY"]
      },
      {
        Effect   = "Allow"
        Sid      = "Secrets"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = ["arn:aws:secretsmanager:us-east-1:123456789012:secret:adaptivity-Ab1"]
      },
      { Effect = "Allow", Sid = "Decrypt", Action = ["kms:Decrypt"], Resource = ["arn:aws:kms:us-east-1:123456789012:key/1234"] },
    ]
    error_message = "The policy is ${aws_iam_role_policy.main.policy}."
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

run "nothing_that_is_not_named" {
  command = plan

  variables {
    repository_arns = []
    parameter_arns  = []
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.main.policy).Statement : statement.Sid] == ["Log"]
    error_message = "The policy is ${aws_iam_role_policy.main.policy}."
  }
}

run "no_wildcards" {
  command = plan

  variables {
    name            = "no spaces"
    repository_arns = ["arn:aws:ecr:us-east-1:123456789012:repository/*"]
    log_group_arn   = "arn:aws:logs:us-east-1:123456789012:log-group:*"
    parameter_arns  = ["arn:aws:ssm:us-east-1:123456789012:parameter/adaptivity/*"]
    secret_arns     = ["arn:aws:secretsmanager:us-east-1:123456789012:secret:*"]
    kms_key_arns    = ["arn:aws:kms:us-east-1:123456789012:alias/mine"]
  }

  expect_failures = [var.name, var.repository_arns, var.log_group_arn, var.parameter_arns, var.secret_arns, var.kms_key_arns]
}
