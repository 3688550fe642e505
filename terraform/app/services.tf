# ECS starts these services in any order and restarts them when they end. Each waits for the database and RabbitMQ.

module "web_service" {
  source = "../modules/services/load_balanced"

  name                         = "${local.name}-web"
  cluster_name                 = local.cluster_name
  container_definitions        = local.tasks["web"].container_definitions
  cpu                          = local.tasks["web"].cpu
  memory                       = local.tasks["web"].memory
  role_arn                     = module.task_role.arn
  execution_role_arn           = module.execution_role.arn
  vpc_id                       = local.vpc_id
  subnet_ids                   = local.task_subnet_ids
  security_group_id            = aws_security_group.ecs_service.id
  assign_public_ip             = local.assign_public_ip
  desired_count                = var.web_count
  autoscaling                  = var.web_autoscaling
  target_group_arn             = module.network.target_group_arn
  target_group_arn_suffix      = module.network.target_group_arn_suffix
  load_balancer_arn_suffix     = module.network.load_balancer_arn_suffix
  load_balancer_container_name = "nginx"
  load_balancer_container_port = 80
}

module "worker_service" {
  source = "../modules/services/generic"

  name                  = "${local.name}-worker"
  cluster_name          = local.cluster_name
  container_definitions = local.tasks["worker"].container_definitions
  cpu                   = local.tasks["worker"].cpu
  memory                = local.tasks["worker"].memory
  role_arn              = module.task_role.arn
  execution_role_arn    = module.execution_role.arn
  vpc_id                = local.vpc_id
  subnet_ids            = local.task_subnet_ids
  security_group_id     = aws_security_group.ecs_service.id
  assign_public_ip      = local.assign_public_ip
  desired_count         = var.worker_count
  autoscaling           = var.worker_autoscaling
  spot_weight           = var.worker_spot_weight
}

# Reads new sources and runs pipeline steps, in the job image.
module "jobs_service" {
  source = "../modules/services/generic"

  name                  = "${local.name}-jobs"
  cluster_name          = local.cluster_name
  container_definitions = local.tasks["jobs"].container_definitions
  cpu                   = local.tasks["jobs"].cpu
  memory                = local.tasks["jobs"].memory
  role_arn              = module.task_role.arn
  execution_role_arn    = module.execution_role.arn
  vpc_id                = local.vpc_id
  subnet_ids            = local.task_subnet_ids
  security_group_id     = aws_security_group.ecs_service.id
  assign_public_ip      = local.assign_public_ip
  desired_count         = var.jobs_count
  file_systems          = local.job_file_systems
}

module "rabbit_service" {
  source = "../modules/services/discoverable"

  name                  = "${local.name}-rabbit"
  cluster_name          = local.cluster_name
  container_definitions = local.tasks["rabbit"].container_definitions
  cpu                   = local.tasks["rabbit"].cpu
  memory                = local.tasks["rabbit"].memory
  role_arn              = module.task_role.arn
  execution_role_arn    = module.execution_role.arn
  vpc_id                = local.vpc_id
  subnet_ids            = local.task_subnet_ids
  security_group_id     = aws_security_group.ecs_service.id
  assign_public_ip      = local.assign_public_ip
  namespace_id          = aws_service_discovery_private_dns_namespace.main.id
  namespace_name        = aws_service_discovery_private_dns_namespace.main.name
  discovery_name        = "rabbit"
}

# A release applies this first and on its own: terraform apply -target=module.job
module "job" {
  source = "../modules/job"

  name                  = "${local.name}-job"
  cluster_name          = local.cluster_name
  container_definitions = local.tasks["job"].container_definitions
  cpu                   = local.tasks["job"].cpu
  memory                = local.tasks["job"].memory
  role_arn              = module.task_role.arn
  execution_role_arn    = module.execution_role.arn
  vpc_id                = local.vpc_id
  subnet_ids            = local.task_subnet_ids
  security_group_id     = aws_security_group.ecs_service.id
  assign_public_ip      = local.assign_public_ip
  schedules             = var.schedules
  file_systems          = local.job_file_systems
}

locals {
  job_file_systems = var.job_files == null ? {} : { job-files = var.job_files }
}
