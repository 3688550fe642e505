mock_provider "aws" {
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-worker:7" }
  }
  mock_data "aws_ecs_service" {
    defaults = { task_definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-worker:7" }
  }
  mock_data "aws_subnets" {
    defaults = { ids = ["subnet-1", "subnet-2"] }
  }
}

variables {
  name                  = "adaptivity-dev-worker"
  cluster_name          = "adaptivity-dev"
  container_definitions = <<-JSON
    [
      {"name": "worker", "image": "app:1.0.0", "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp"}]},
      {"name": "second", "image": "app:1.0.0", "mountPoints": [
        {"sourceVolume": "tmp", "containerPath": "/tmp"}, {"sourceVolume": "run", "containerPath": "/run"}
      ]},
      {"name": "third", "image": "app:1.0.0"}
    ]
  JSON
  cpu                   = 256
  memory                = 512
  role_arn              = "arn:aws:iam::123456789012:role/adaptivity-dev-task"
  execution_role_arn    = "arn:aws:iam::123456789012:role/adaptivity-dev-execution"
  vpc_id                = "vpc-1"
  security_group_id     = "sg-1"
}

run "a_service" {
  command = apply

  assert {
    condition = (
      aws_ecs_task_definition.main.family == "adaptivity-dev-worker"
      && aws_ecs_task_definition.main.cpu == "256" && aws_ecs_task_definition.main.memory == "512"
      && aws_ecs_task_definition.main.network_mode == "awsvpc"
      && aws_ecs_task_definition.main.requires_compatibilities == toset(["FARGATE"])
      && aws_ecs_task_definition.main.task_role_arn == "arn:aws:iam::123456789012:role/adaptivity-dev-task"
      && aws_ecs_task_definition.main.execution_role_arn == "arn:aws:iam::123456789012:role/adaptivity-dev-execution"
      && one(aws_ecs_task_definition.main.runtime_platform).cpu_architecture == "X86_64"
    )
    error_message = "The task definition is not for Fargate, or does not have the given roles and size."
  }

  assert {
    condition     = aws_ecs_task_definition.main.skip_destroy
    error_message = "Every release deregisters the revision that runs."
  }

  assert {
    condition     = toset([for volume in aws_ecs_task_definition.main.volume : volume.name]) == toset(["tmp", "run"])
    error_message = "The volumes are not the ones that the mount points name."
  }

  assert {
    condition = (
      aws_ecs_service.main[0].name == "adaptivity-dev-worker" && aws_ecs_service.main[0].cluster == "adaptivity-dev"
      && aws_ecs_service.main[0].task_definition == aws_ecs_task_definition.main.arn
      && aws_ecs_service.main[0].desired_count == 1
      && aws_ecs_service.main[0].wait_for_steady_state
      && !aws_ecs_service.main[0].enable_execute_command
      && aws_ecs_service.main[0].deployment_minimum_healthy_percent == 100
      && aws_ecs_service.main[0].deployment_maximum_percent == 200
      && aws_ecs_service.main[0].deployment_circuit_breaker[0].enable
      && aws_ecs_service.main[0].deployment_circuit_breaker[0].rollback
      && length(aws_ecs_service.main[0].load_balancer) == 0
      && length(aws_ecs_service.main[0].service_registries) == 0
    )
    error_message = "The service does not run the task definition, or a deployment that fails is not rolled back."
  }

  assert {
    condition = (
      aws_ecs_service.main[0].network_configuration[0].subnets == toset(["subnet-1", "subnet-2"])
      && aws_ecs_service.main[0].network_configuration[0].security_groups == toset(["sg-1"])
      && !aws_ecs_service.main[0].network_configuration[0].assign_public_ip
    )
    error_message = "The tasks are not in the VPC's subnets without public addresses."
  }

  assert {
    condition = {
      for provider in aws_ecs_service.main[0].capacity_provider_strategy :
      provider.capacity_provider => [provider.base, provider.weight]
    } == { FARGATE = [1, 100] }
    error_message = "A task runs on FARGATE_SPOT, although none was requested."
  }

  assert {
    condition = (
      length(aws_ecs_service.autoscaled) == 0 && length(aws_appautoscaling_target.main) == 0
      && length(aws_appautoscaling_policy.main) == 0
    )
    error_message = "The service is scaled although autoscaling is not set."
  }

  assert {
    condition = (
      output.task_definition_family == "adaptivity-dev-worker"
      && output.task_definition_arn == "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-worker:7"
      && output.running_task_definition_arn == output.task_definition_arn
      && output.name == "adaptivity-dev-worker" && output.arn == aws_ecs_service.main[0].id
    )
    error_message = "The outputs are not those of the resources."
  }
}

run "more_tasks_most_of_them_on_spot" {
  command = plan

  variables {
    desired_count    = 3
    spot_weight      = 75
    subnet_ids       = ["subnet-9"]
    assign_public_ip = true
    cpu_architecture = "ARM64"
  }

  assert {
    condition = (
      aws_ecs_service.main[0].desired_count == 3
      && aws_ecs_service.main[0].network_configuration[0].subnets == toset(["subnet-9"])
      && aws_ecs_service.main[0].network_configuration[0].assign_public_ip
      && one(aws_ecs_task_definition.main.runtime_platform).cpu_architecture == "ARM64"
    )
    error_message = "The plan does not have the given values."
  }

  assert {
    condition = {
      for provider in aws_ecs_service.main[0].capacity_provider_strategy :
      provider.capacity_provider => [provider.base, provider.weight]
    } == { FARGATE = [1, 25], FARGATE_SPOT = [0, 75] }
    error_message = "The first task is not on FARGATE, or the others are not split 25 to 75."
  }
}

run "a_roll_back_is_no_success" {
  command   = apply
  state_key = "rolled_back"

  override_data {
    target = data.aws_ecs_service.running
    values = { task_definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-worker:6" }
  }

  expect_failures = [data.aws_ecs_service.running]
}

run "who_does_not_wait_cannot_know" {
  command   = apply
  state_key = "not_waited"

  variables {
    wait_for_steady_state = false
  }

  override_data {
    target = data.aws_ecs_service.running
    values = { task_definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-worker:6" }
  }

  assert {
    condition     = output.running_task_definition_arn == "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-worker:6"
    error_message = "The output is not what runs."
  }
}

run "autoscaled" {
  command   = apply
  state_key = "autoscaled"

  variables {
    desired_count = 9
    autoscaling   = { min = 2, max = 5, cpu_target = 60, memory_target = 70 }
  }

  assert {
    condition     = length(aws_ecs_service.main) == 0 && aws_ecs_service.autoscaled[0].desired_count == 2
    error_message = "The service does not start with the given minimum."
  }

  assert {
    condition = (
      aws_appautoscaling_target.main[0].resource_id == "service/adaptivity-dev/adaptivity-dev-worker"
      && aws_appautoscaling_target.main[0].scalable_dimension == "ecs:service:DesiredCount"
      && aws_appautoscaling_target.main[0].min_capacity == 2
      && aws_appautoscaling_target.main[0].max_capacity == 5
    )
    error_message = "The service is not scaled from 2 to 5 tasks."
  }

  assert {
    condition = {
      for name, policy in aws_appautoscaling_policy.main : name => [
        policy.target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type,
        policy.target_tracking_scaling_policy_configuration[0].target_value,
      ]
      } == {
      cpu    = ["ECSServiceAverageCPUUtilization", 60]
      memory = ["ECSServiceAverageMemoryUtilization", 70]
    }
    error_message = "The service is not scaled by CPU and memory."
  }

  # Terraform's ignore_changes cannot be conditional, so both services are written out; they must not drift apart.
  assert {
    condition = (
      aws_ecs_service.autoscaled[0].task_definition == aws_ecs_task_definition.main.arn
      && aws_ecs_service.autoscaled[0].wait_for_steady_state
      && aws_ecs_service.autoscaled[0].deployment_circuit_breaker[0].enable
      && aws_ecs_service.autoscaled[0].deployment_circuit_breaker[0].rollback
      && aws_ecs_service.autoscaled[0].network_configuration[0].subnets == toset(["subnet-1", "subnet-2"])
      && output.arn == aws_ecs_service.autoscaled[0].id
    )
    error_message = "A service with autoscaling differs from the same service without it."
  }
}

run "what_autoscaling_has_set_stays" {
  command   = plan
  state_key = "autoscaled"

  variables {
    autoscaling = { min = 4, max = 5, cpu_target = 60 }
  }

  assert {
    condition     = aws_ecs_service.autoscaled[0].desired_count == 2 && aws_appautoscaling_target.main[0].min_capacity == 4
    error_message = "An apply resets the number of tasks that autoscaling has set."
  }
}

run "a_roll_back_of_a_scaled_service" {
  command   = apply
  state_key = "scaled_rolled_back"

  variables {
    autoscaling = { min = 1, max = 2, cpu_target = 60 }
  }

  override_data {
    target = data.aws_ecs_service.running
    values = { task_definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-worker:6" }
  }

  expect_failures = [data.aws_ecs_service.running]
}

run "behind_a_load_balancer_and_discoverable" {
  command   = plan
  state_key = "load_balancer"

  variables {
    autoscaling  = { min = 1, max = 2, requests_per_target = 1000 }
    registry_arn = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"
    load_balancer = {
      target_group_arn                  = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/adapt-1/1"
      container_name                    = "worker"
      container_port                    = 8000
      health_check_grace_period_seconds = 90
      arn_suffix                        = "app/adaptivity-dev/1"
      target_group_arn_suffix           = "targetgroup/adapt-1/1"
    }
  }

  assert {
    condition = (
      one(aws_ecs_service.autoscaled[0].load_balancer).target_group_arn == "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/adapt-1/1"
      && one(aws_ecs_service.autoscaled[0].load_balancer).container_name == "worker"
      && one(aws_ecs_service.autoscaled[0].load_balancer).container_port == 8000
      && aws_ecs_service.autoscaled[0].health_check_grace_period_seconds == 90
      && aws_ecs_service.autoscaled[0].service_registries[0].registry_arn == "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"
    )
    error_message = "The service is not behind the load balancer, or not in service discovery."
  }

  assert {
    condition = (
      keys(aws_appautoscaling_policy.main) == ["requests"]
      && one(aws_appautoscaling_policy.main["requests"].target_tracking_scaling_policy_configuration[0].predefined_metric_specification).predefined_metric_type == "ALBRequestCountPerTarget"
      && one(aws_appautoscaling_policy.main["requests"].target_tracking_scaling_policy_configuration[0].predefined_metric_specification).resource_label == "app/adaptivity-dev/1/targetgroup/adapt-1/1"
    )
    error_message = "The service is not scaled by the requests of its target group."
  }
}

run "requests_are_counted_at_a_load_balancer" {
  command   = plan
  state_key = "refused"

  variables {
    autoscaling = { min = 1, max = 2, requests_per_target = 1000 }
  }

  expect_failures = [aws_appautoscaling_policy.main]
}

run "a_file_system_that_outlives_the_tasks" {
  command   = apply
  state_key = "file system"

  variables {
    file_systems = { run = { file_system_id = "fs-1", access_point_id = "fsap-1" } }
  }

  assert {
    condition = {
      for volume in aws_ecs_task_definition.main.volume : volume.name => [
        for system in volume.efs_volume_configuration :
        [system.file_system_id, system.transit_encryption, one(system.authorization_config).access_point_id]
      ]
    } == { tmp = [], run = [["fs-1", "ENABLED", "fsap-1"]] }
    error_message = "The volume is not the given access point, or another volume is that access point too."
  }
}

run "what_is_refused" {
  command   = plan
  state_key = "refused"

  variables {
    name                       = "no spaces"
    container_definitions      = "{}]"
    cpu                        = 512
    memory                     = 512
    cpu_architecture           = "ARM"
    desired_count              = 1.5
    spot_weight                = 101
    autoscaling                = { min = 3, max = 2, cpu_target = 60 }
    deployment_maximum_percent = 100
    vpc_id                     = null
  }

  expect_failures = [
    var.name, var.container_definitions, var.memory, var.cpu_architecture, var.desired_count, var.spot_weight,
    var.autoscaling, var.deployment_maximum_percent, var.subnet_ids,
  ]
}

run "autoscaling_without_target" {
  command   = plan
  state_key = "refused"

  variables {
    cpu         = 300
    autoscaling = { min = 1, max = 2 }
  }

  expect_failures = [var.cpu, var.autoscaling]
}
