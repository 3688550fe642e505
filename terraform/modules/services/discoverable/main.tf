resource "aws_service_discovery_service" "main" {
  name = var.discovery_name

  dns_config {
    namespace_id   = var.namespace_id
    routing_policy = "MULTIVALUE"

    # Short, because a replaced task has another address.
    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  # ECS tells service discovery which tasks are healthy.
  health_check_custom_config {
    failure_threshold = 1
  }
}

module "service" {
  source = "../generic"

  name                               = var.name
  cluster_name                       = var.cluster_name
  container_definitions              = var.container_definitions
  cpu                                = var.cpu
  memory                             = var.memory
  cpu_architecture                   = var.cpu_architecture
  role_arn                           = var.role_arn
  execution_role_arn                 = var.execution_role_arn
  vpc_id                             = var.vpc_id
  subnet_ids                         = var.subnet_ids
  security_group_id                  = var.security_group_id
  assign_public_ip                   = var.assign_public_ip
  desired_count                      = var.desired_count
  spot_weight                        = var.spot_weight
  autoscaling                        = var.autoscaling
  deployment_minimum_healthy_percent = var.deployment_minimum_healthy_percent
  deployment_maximum_percent         = var.deployment_maximum_percent
  enable_execute_command             = var.enable_execute_command
  wait_for_steady_state              = var.wait_for_steady_state

  registry_arn = aws_service_discovery_service.main.arn
}
