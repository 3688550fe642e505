data "aws_region" "current" {}
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  # IAM refuses a statement without resources, so unused statements are left out.
  statements = [
    for statement in [
      {
        Sid      = "Login"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = length(var.repository_arns) > 0 ? ["*"] : [] # the token is for the whole registry; the action supports no resources
      },
      {
        Sid      = "Pull"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = var.repository_arns
      },
      {
        Sid    = "Log"
        Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
        # All streams of this one group; they are named after tasks that do not exist yet.
        Resource = ["${trimsuffix(var.log_group_arn, ":*")}:log-stream:*"]
      },
      {
        Sid      = "Parameters"
        Action   = ["ssm:GetParameters"]
        Resource = var.parameter_arns
      },
      {
        Sid      = "Secrets"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = var.secret_arns
      },
      {
        Sid      = "Decrypt"
        Action   = ["kms:Decrypt"]
        Resource = var.kms_key_arns
      },
    ] : merge({ Effect = "Allow" }, statement) if length(statement.Resource) > 0
  ]
}

resource "aws_iam_role" "main" {
  name        = var.name
  description = "Role with which ECS starts the tasks: pulls images, writes logs, reads secrets"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }

      # Only for tasks of this account and region: nobody else may get ECS to use the role for their tasks.
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:*" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "main" {
  name = "start-tasks"
  role = aws_iam_role.main.name

  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
