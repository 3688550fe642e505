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

  load_balancer = {
    target_group_arn                  = var.target_group_arn
    container_name                    = var.load_balancer_container_name
    container_port                    = var.load_balancer_container_port
    health_check_grace_period_seconds = var.health_check_grace_period_seconds
    arn_suffix                        = var.load_balancer_arn_suffix
    target_group_arn_suffix           = var.target_group_arn_suffix
  }
}
