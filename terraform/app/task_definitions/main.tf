locals {
  parameters = "arn:${var.partition}:ssm:${var.region}:${var.account_id}:parameter/${var.project}"

  secrets = {
    for image, secrets in { app = var.app_secrets, rabbit = var.rabbit_secrets } : image => [
      for name, parameter in secrets : {
        name      = name
        valueFrom = "${local.parameters}/${startswith(parameter, "common/") ? "" : "${var.env_label}/"}${parameter}"
      }
    ]
  }

  # What every template may name; each has its own images and secrets beside it.
  values = {
    project                = var.project
    env_label              = var.env_label
    domain_name            = var.domain_name
    log_group_name         = var.log_group_name
    region                 = var.region
    DJANGO_SETTINGS_MODULE = var.DJANGO_SETTINGS_MODULE
    settings               = merge(local.job_queue, var.settings)
  }

  # While nobody takes from the queue of the service jobs, nothing is sent there.
  job_queue = var.jobs_count > 0 ? { JOB_QUEUE = "jobs" } : {}

  app = "${var.app_image}:${var.app_tag}"

  # Fargate sells memory by the task. Containers have hard limits of their own, so that one that leaks is
  # stopped alone; what they leave free is the kernel's page cache and what a run-time override may give to a job.
  tasks = {
    web    = { cpu = 512, memory = 1024, values = { web_image = local.app, nginx_image = "${var.nginx_image}:${var.app_tag}", secrets = local.secrets.app } }
    worker = { cpu = 256, memory = 512, values = { worker_image = local.app, secrets = local.secrets.app } }
    jobs   = { cpu = 256, memory = 1024, values = { jobs_image = "${local.app}-job", job_files = var.job_files != null, secrets = local.secrets.app } }
    rabbit = { cpu = 256, memory = 512, values = { rabbit_image = var.rabbit_image, secrets = local.secrets.rabbit } }
    job    = { cpu = 256, memory = 512, values = { job_image = "${local.app}-job", job_files = var.job_files != null, secrets = local.secrets.app } }
  }

  container_definitions = {
    for name, task in local.tasks :
    name => templatefile("${path.module}/../container_definitions_${name}.tpl", merge(local.values, task.values))
  }

  # As RegisterTaskDefinition takes them, but for the two roles, which are made beside the services.
  task_definitions = {
    for name, task in local.tasks : name => {
      family                  = "${var.project}-${var.env_label}-${name}"
      networkMode             = "awsvpc"
      requiresCompatibilities = ["FARGATE"]
      cpu                     = tostring(task.cpu)
      memory                  = tostring(task.memory)
      runtimePlatform         = { operatingSystemFamily = "LINUX", cpuArchitecture = "X86_64" }

      # Fargate has no tmpfs: what a container with a read-only root may write to is an empty volume of the task, or a file system.
      volumes = [
        for volume in distinct(flatten([
          for container in jsondecode(local.container_definitions[name]) : [
            for mount in lookup(container, "mountPoints", []) : mount.sourceVolume
          ]
          ])) : merge(
          { name = volume },
          volume == "job-files" ? {
            efsVolumeConfiguration = {
              fileSystemId        = var.job_files.file_system_id
              transitEncryption   = "ENABLED"
              authorizationConfig = { accessPointId = var.job_files.access_point_id }
            }
          } : {},
        )
      ]
      containerDefinitions = jsondecode(local.container_definitions[name])
    }
  }
}
