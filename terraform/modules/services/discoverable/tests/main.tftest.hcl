mock_provider "aws" {
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-rabbit:7" }
  }
  mock_resource "aws_service_discovery_service" {
    defaults = { arn = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1" }
  }
  mock_data "aws_ecs_service" {
    defaults = { task_definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-rabbit:7" }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
  }
}

variables {
  name                  = "adaptivity-dev-rabbit"
  cluster_name          = "adaptivity-dev"
  container_definitions = "[{\"name\": \"rabbit\", \"image\": \"rabbitmq\"}]"
  cpu                   = 256
  memory                = 512
  role_arn              = "arn:aws:iam::123456789012:role/adaptivity-dev-task"
  execution_role_arn    = "arn:aws:iam::123456789012:role/adaptivity-dev-execution"
  vpc_id                = "vpc-1"
  security_group_id     = "sg-1"
  namespace_id          = "ns-1"
  namespace_name        = "dev.adaptivity.internal"
  discovery_name        = "rabbit"
}

run "found_by_name" {
  command = apply

  assert {
    condition = (
      aws_service_discovery_service.main.name == "rabbit"
      && aws_service_discovery_service.main.dns_config[0].namespace_id == "ns-1"
      && aws_service_discovery_service.main.dns_config[0].routing_policy == "MULTIVALUE"
      && aws_service_discovery_service.main.dns_config[0].dns_records[0].type == "A"
      && aws_service_discovery_service.main.dns_config[0].dns_records[0].ttl == 10
      && length(aws_service_discovery_service.main.health_check_custom_config) == 1
    )
    error_message = "The tasks' addresses are not in the namespace with a TTL of ten seconds."
  }

  assert {
    condition = (
      output.host == "rabbit.dev.adaptivity.internal" && output.name == "adaptivity-dev-rabbit"
      && output.task_definition_family == "adaptivity-dev-rabbit"
      && output.running_task_definition_arn == output.task_definition_arn && output.arn != null
    )
    error_message = "The outputs are not the service's."
  }

  assert {
    condition     = var.deployment_minimum_healthy_percent == 0 && var.deployment_maximum_percent == 100
    error_message = "During a deployment, two tasks with separate states run under one name."
  }
}

run "what_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    memory         = 8192
    discovery_name = "Rabbit.dev"
    autoscaling    = { min = 1, max = 2 }
  }

  expect_failures = [var.memory, var.discovery_name, var.autoscaling]
}
