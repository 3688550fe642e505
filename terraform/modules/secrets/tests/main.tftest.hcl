mock_provider "aws" {}

variables {
  project = "adaptivity"
  scope   = "dev"
  names   = ["SECRET_KEY", "DATABASE_CONNECTION"]
}

run "declared_without_a_value" {
  command = apply

  assert {
    condition = output.paths == {
      DATABASE_CONNECTION = "/adaptivity/dev/DATABASE_CONNECTION"
      SECRET_KEY          = "/adaptivity/dev/SECRET_KEY"
    }
    error_message = "The paths are ${jsonencode(output.paths)}."
  }

  assert {
    condition = alltrue([
      for name, parameter in aws_ssm_parameter.main :
      parameter.type == "SecureString" && parameter.value_wo == null && parameter.value_wo_version == 1
      && parameter.name == output.paths[name] && output.arns[name] == parameter.arn
    ])
    error_message = "A parameter is not encrypted, its value is in the state, or it is not the one that the outputs name."
  }
}

run "common" {
  command = plan

  variables {
    scope = "common"
    names = ["GOOGLE_APP_ID"]
  }

  assert {
    condition     = aws_ssm_parameter.main["GOOGLE_APP_ID"].name == "/adaptivity/common/GOOGLE_APP_ID"
    error_message = "The path is ${aws_ssm_parameter.main["GOOGLE_APP_ID"].name}."
  }
}

run "what_is_refused" {
  command = plan

  variables {
    project = "Adaptivity"
    scope   = "dev/eu"
    names   = ["SECRET/KEY"]
  }

  expect_failures = [var.project, var.scope, var.names]
}
