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

  # Values that every template may use; each template also has its own images and secrets.
  values = {
    project                = var.project
    env_label              = var.env_label
    domain_name            = var.domain_name
    log_group_name         = var.log_group_name
    region                 = var.region
    DJANGO_SETTINGS_MODULE = var.DJANGO_SETTINGS_MODULE
    settings               = merge(local.job_queue, var.settings)
  }

  # While no task of the service jobs reads its queue, nothing is sent there.
  job_queue = var.jobs_count > 0 ? { JOB_QUEUE = "jobs" } : {}

  app = "${var.app_image}:${var.app_tag}"

  # Fargate sells memory by the task. Each container has its own hard limit, so a container that leaks memory is
  # stopped alone. The rest is for the kernel's page cache, and for a job's run-time override.
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

  # In the form that RegisterTaskDefinition takes, without the two roles, which are created beside the services.
  task_definitions = {
    for name, task in local.tasks : name => {
      family                  = "${var.project}-${var.env_label}-${name}"
      networkMode             = "awsvpc"
      requiresCompatibilities = ["FARGATE"]
      cpu                     = tostring(task.cpu)
      memory                  = tostring(task.memory)
      runtimePlatform         = { operatingSystemFamily = "LINUX", cpuArchitecture = "X86_64" }

      # Fargate has no tmpfs: a container with a read-only root writes to an empty volume of the task or a file system.
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
