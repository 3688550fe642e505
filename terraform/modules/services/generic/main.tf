resource "aws_ecs_task_definition" "main" {
  family                   = var.name
  container_definitions    = var.container_definitions
  execution_role_arn       = var.execution_role_arn # pulls images, reads secrets, writes logs
  task_role_arn            = var.role_arn
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = var.cpu
  memory                   = var.memory

  # Old revisions stay active: ECS and engineers need the one before to roll back.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  # Fargate has no tmpfs: a container with a read-only root writes to an empty volume of the task,
  # or to a file system that outlives it.
  dynamic "volume" {
    for_each = toset(flatten([
      for container in jsondecode(var.container_definitions) : [
        for mount in lookup(container, "mountPoints", []) : mount.sourceVolume
      ]
    ]))

    content {
      name = volume.value

      dynamic "efs_volume_configuration" {
        for_each = contains(keys(var.file_systems), volume.value) ? [var.file_systems[volume.value]] : []

        content {
          file_system_id     = efs_volume_configuration.value.file_system_id
          transit_encryption = "ENABLED"

          authorization_config {
            access_point_id = efs_volume_configuration.value.access_point_id
          }
        }
      }
    }
  }
}

data "aws_subnets" "main" {
  count = var.subnet_ids == null ? 1 : 0

  filter {
    name   = "vpc-id"
    values = [var.vpc_id]
  }
}

locals {
  subnet_ids = var.subnet_ids == null ? data.aws_subnets.main[0].ids : var.subnet_ids
}

locals {
  # At least one task must not run on Spot, which takes tasks away with two minutes' notice.
  capacity_providers = {
    for name, provider in {
      FARGATE      = { base = 1, weight = 100 - var.spot_weight }
      FARGATE_SPOT = { base = 0, weight = var.spot_weight }
    } : name => provider if provider.base > 0 || provider.weight > 0
  }
}

# Two resources, of which only one exists: ignore_changes cannot depend on a variable, and the next apply must not
# reset the desired_count that autoscaling has set. Everything else is the same in both.
resource "aws_ecs_service" "main" {
  count = var.autoscaling == null ? 1 : 0

  name            = var.name
  cluster         = var.cluster_name
  task_definition = aws_ecs_task_definition.main.arn
  desired_count   = var.desired_count

  deployment_minimum_healthy_percent = var.deployment_minimum_healthy_percent
  deployment_maximum_percent         = var.deployment_maximum_percent
  health_check_grace_period_seconds  = try(var.load_balancer.health_check_grace_period_seconds, null)

  enable_execute_command  = var.enable_execute_command
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"
  wait_for_steady_state   = var.wait_for_steady_state
  # Without this, a new share of FARGATE_SPOT would replace the service, and not only its tasks.
  force_new_deployment = true

  dynamic "capacity_provider_strategy" {
    for_each = local.capacity_providers

    content {
      capacity_provider = capacity_provider_strategy.key
      base              = capacity_provider_strategy.value.base
      weight            = capacity_provider_strategy.value.weight
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = var.assign_public_ip
  }

  dynamic "load_balancer" {
    for_each = var.load_balancer == null ? [] : [var.load_balancer]

    content {
      target_group_arn = load_balancer.value.target_group_arn
      container_name   = load_balancer.value.container_name
      container_port   = load_balancer.value.container_port
    }
  }

  dynamic "service_registries" {
    for_each = var.registry_arn == null ? [] : [var.registry_arn]

    content {
      registry_arn = service_registries.value
    }
  }
}

resource "aws_ecs_service" "autoscaled" {
  count = var.autoscaling == null ? 0 : 1

  name            = var.name
  cluster         = var.cluster_name
  task_definition = aws_ecs_task_definition.main.arn
  desired_count   = var.autoscaling.min

  deployment_minimum_healthy_percent = var.deployment_minimum_healthy_percent
  deployment_maximum_percent         = var.deployment_maximum_percent
  health_check_grace_period_seconds  = try(var.load_balancer.health_check_grace_period_seconds, null)

  enable_execute_command  = var.enable_execute_command
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"
  wait_for_steady_state   = var.wait_for_steady_state
  # Without this, a new share of FARGATE_SPOT would replace the service, and not only its tasks.
  force_new_deployment = true

  dynamic "capacity_provider_strategy" {
    for_each = local.capacity_providers

    content {
      capacity_provider = capacity_provider_strategy.key
      base              = capacity_provider_strategy.value.base
      weight            = capacity_provider_strategy.value.weight
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = var.assign_public_ip
  }

  dynamic "load_balancer" {
    for_each = var.load_balancer == null ? [] : [var.load_balancer]

    content {
      target_group_arn = load_balancer.value.target_group_arn
      container_name   = load_balancer.value.container_name
      container_port   = load_balancer.value.container_port
    }
  }

  dynamic "service_registries" {
    for_each = var.registry_arn == null ? [] : [var.registry_arn]

    content {
      registry_arn = service_registries.value
    }
  }

  lifecycle {
    ignore_changes = [desired_count]
  }
}

locals {
  service = var.autoscaling == null ? aws_ecs_service.main[0] : aws_ecs_service.autoscaled[0]
}

# What runs once the service is steady; after a roll-back this differs from what was requested.
data "aws_ecs_service" "running" {
  cluster_arn  = local.service.cluster
  service_name = local.service.name

  depends_on = [aws_ecs_service.main, aws_ecs_service.autoscaled]

  lifecycle {
    postcondition {
      condition     = !var.wait_for_steady_state || self.task_definition == aws_ecs_task_definition.main.arn
      error_message = "${var.name} runs ${self.task_definition} and not ${aws_ecs_task_definition.main.arn}, because the deployment was rolled back. The service's events and stopped tasks show why."
    }
  }
}

resource "aws_appautoscaling_target" "main" {
  count = var.autoscaling == null ? 0 : 1

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster_name}/${local.service.name}"
  min_capacity       = var.autoscaling.min
  max_capacity       = var.autoscaling.max
}

locals {
  scaling = var.autoscaling == null ? {} : {
    for name, policy in {
      cpu      = { target = var.autoscaling.cpu_target, metric = "ECSServiceAverageCPUUtilization", label = null }
      memory   = { target = var.autoscaling.memory_target, metric = "ECSServiceAverageMemoryUtilization", label = null }
      requests = { target = var.autoscaling.requests_per_target, metric = "ALBRequestCountPerTarget", label = try("${var.load_balancer.arn_suffix}/${var.load_balancer.target_group_arn_suffix}", null) }
    } : name => policy if policy.target != null
  }
}

resource "aws_appautoscaling_policy" "main" {
  for_each = local.scaling

  name               = "${var.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.main[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.main[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.main[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
      resource_label         = each.value.label
    }
  }

  lifecycle {
    precondition {
      condition     = each.key != "requests" || each.value.label != null
      error_message = "requests_per_target needs a load balancer, load_balancer_arn_suffix and target_group_arn_suffix."
    }
  }
}
