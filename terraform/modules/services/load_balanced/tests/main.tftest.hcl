mock_provider "aws" {
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-web:7" }
  }
  mock_data "aws_ecs_service" {
    defaults = { task_definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-web:7" }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
  }
}

variables {
  name                         = "adaptivity-dev-web"
  cluster_name                 = "adaptivity-dev"
  container_definitions        = "[{\"name\": \"web\", \"image\": \"app:1.0.0\"}, {\"name\": \"nginx\", \"image\": \"nginx:1.0.0\"}]"
  cpu                          = 512
  memory                       = 1024
  role_arn                     = "arn:aws:iam::123456789012:role/adaptivity-dev-task"
  execution_role_arn           = "arn:aws:iam::123456789012:role/adaptivity-dev-execution"
  vpc_id                       = "vpc-1"
  security_group_id            = "sg-1"
  target_group_arn             = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/adapt-1/1"
  load_balancer_container_name = "nginx"
  load_balancer_container_port = 80
}

# Autoscaling by requests passes only if the suffixes reach the inner module.
run "scaled_by_requests" {
  command = apply

  variables {
    autoscaling              = { min = 1, max = 4, requests_per_target = 1000 }
    load_balancer_arn_suffix = "app/adaptivity-dev/1"
    target_group_arn_suffix  = "targetgroup/adapt-1/1"
  }

  assert {
    condition = (
      output.name == "adaptivity-dev-web" && output.task_definition_family == "adaptivity-dev-web"
      && output.task_definition_arn == "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-web:7"
      && output.running_task_definition_arn == output.task_definition_arn && output.arn != null
    )
    error_message = "The outputs are not the service's."
  }
}

run "what_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    name                         = "no spaces"
    memory                       = 8192
    autoscaling                  = { min = 1, max = 2 }
    load_balancer_container_name = "apache"
    load_balancer_container_port = 0
  }

  expect_failures = [
    var.name, var.memory, var.autoscaling, var.load_balancer_container_name, var.load_balancer_container_port,
  ]
}
