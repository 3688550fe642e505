mock_provider "aws" {}

variables {
  project           = "adaptive-engine"
  env_label         = "dev"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-services"
  password          = "a-password-of-tests"
}

run "encrypted_private_and_with_tls" {
  command = apply

  assert {
    condition = (
      aws_db_instance.main.storage_encrypted && !aws_db_instance.main.publicly_accessible
      && aws_db_instance.main.deletion_protection && !aws_db_instance.main.skip_final_snapshot
      && aws_db_instance.main.final_snapshot_identifier == "adaptive-engine-dev-final"
      && aws_db_instance.main.backup_retention_period == 7
    )
    error_message = "The defaults are not the safe ones."
  }

  assert {
    condition     = aws_db_instance.main.password_wo == null && aws_db_instance.main.password == null
    error_message = "The state contains the password."
  }

  assert {
    condition     = output.name == "adaptive_engine" && output.user == "adaptive_engine"
    error_message = "The database is ${output.name}, its user ${output.user}."
  }

  assert {
    condition = (
      aws_db_parameter_group.main.family == "postgres17"
      && [for parameter in aws_db_parameter_group.main.parameter : [parameter.name, parameter.value]] == [["rds.force_ssl", "1"]]
      && aws_db_instance.main.parameter_group_name == aws_db_parameter_group.main.name
    )
    error_message = "A connection without TLS is not refused."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.services.security_group_id == output.security_group_id
      && aws_vpc_security_group_ingress_rule.services.referenced_security_group_id == "sg-services"
      && aws_vpc_security_group_ingress_rule.services.from_port == 5432
      && aws_vpc_security_group_ingress_rule.services.to_port == 5432
      && aws_db_instance.main.vpc_security_group_ids == toset([output.security_group_id])
    )
    error_message = "The database can be reached from outside the services' security group."
  }
}

run "storage_that_does_not_grow" {
  command = plan

  variables {
    engine_version        = "16.4"
    max_allocated_storage = 0
    skip_final_snapshot   = true
    password              = null
  }

  assert {
    condition     = aws_db_parameter_group.main.family == "postgres16" && aws_db_instance.main.final_snapshot_identifier == null
    error_message = "The family is ${aws_db_parameter_group.main.family}, the snapshot ${coalesce(aws_db_instance.main.final_snapshot_identifier, "none")}."
  }
}

run "what_is_refused" {
  command = plan

  variables {
    project               = "Adaptivity"
    env_label             = "dev_1"
    subnet_ids            = ["subnet-1"]
    engine_version        = "seventeen"
    instance_class        = "t4g.micro"
    allocated_storage     = 10
    backup_retention_days = 36
    password              = "short"
  }

  expect_failures = [
    var.project, var.env_label, var.subnet_ids, var.engine_version, var.instance_class, var.allocated_storage,
    var.backup_retention_days, var.password,
  ]
}

run "less_than_there_is" {
  command = plan

  variables {
    max_allocated_storage = 20
  }

  expect_failures = [aws_db_instance.main]
}
