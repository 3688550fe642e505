variable "project" {
  description = "Name of the project; every family and every parameter's path begins with it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.project))
    error_message = "project must be lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "env_label" {
  description = "Name of the environment: dev, stage or prod"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.env_label)) && !contains(["common", "local"], var.env_label)
    error_message = "env_label must be lower-case letters, digits and hyphens, and not common or local. common is the path of what environments share; local switches off what only a laptop can do without."
  }
}

variable "domain_name" {
  description = "Host name of the service, or several separated by commas"
  type        = string
}

variable "app_image" {
  description = "Repository of the app image, without tag"
  type        = string
}

variable "nginx_image" {
  description = "Repository of the nginx image, without tag"
  type        = string
}

variable "rabbit_image" {
  description = "RabbitMQ's image, with tag; if tasks cannot reach the public registry, name a copy in your own"
  type        = string
  default     = "rabbitmq:4"
}

variable "app_tag" {
  description = "Version of the app and nginx images"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.app_tag)) && var.app_tag != "latest"
    error_message = "app_tag must be the tag of one version. With latest, nobody could say which version runs or roll back to it."
  }
}

variable "DJANGO_SETTINGS_MODULE" {
  description = "Settings module of the app's containers; the app image adds config.settings.custom for ECS"
  type        = string
  default     = "config.settings.custom"
}

variable "log_group_name" {
  description = "CloudWatch log group of all containers"
  type        = string
}

variable "region" {
  description = "Region of the log group and of the parameters, from a data source"
  type        = string
}

variable "account_id" {
  description = "Account of the parameters, from a data source"
  type        = string
}

variable "partition" {
  description = "Partition of the parameters, from a data source"
  type        = string
}

variable "settings" {
  description = "Additional environment variables of the app's containers, name => value"
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of a setting must be the name of an environment variable."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), concat(keys(var.app_secrets), ["DJANGO_SETTINGS_MODULE", "ENV_LABEL", "HOST"]))) == 0
    error_message = "settings must not name what the task definitions already set: secrets, DJANGO_SETTINGS_MODULE, ENV_LABEL and HOST."
  }

  validation {
    condition     = var.jobs_count == 0 || !contains(keys(var.settings), "JOB_QUEUE")
    error_message = "settings may name JOB_QUEUE only with jobs_count = 0. Otherwise JOB_QUEUE is the queue of the service jobs."
  }
}

variable "jobs_count" {
  description = "Number of jobs tasks. While it is 0, JOB_QUEUE is not set, and the worker tasks do the work of jobs"
  type        = number
  default     = 1
}

variable "app_secrets" {
  description = "Environment variable of the app's containers => parameter: NAME stands for /<project>/<env_label>/NAME, common/NAME for /<project>/common/NAME. The variable's and the parameter's name may differ"
  type        = map(string)
  default = {
    SECRET_KEY          = "SECRET_KEY"
    DATABASE_CONNECTION = "DATABASE_CONNECTION"
    CELERY_BROKER_URL   = "CELERY_BROKER_URL"
  }

  validation {
    condition     = alltrue([for parameter in values(var.app_secrets) : can(regex("^(common/)?[A-Za-z0-9_.-]+$", parameter))])
    error_message = "A parameter must be NAME or common/NAME."
  }
}

variable "job_files" {
  description = "EFS access point that job and jobs see as /files, for what has to outlive a task, such as EVIDENCE_INBOX; null if there is none"
  type = object({
    file_system_id  = string
    access_point_id = string
  })
  default = null
}

variable "rabbit_secrets" {
  description = "The same for the containers of the message broker"
  type        = map(string)
  default = {
    RABBITMQ_DEFAULT_USER = "RABBITMQ_DEFAULT_USER"
    RABBITMQ_DEFAULT_PASS = "RABBITMQ_DEFAULT_PASS"
  }

  validation {
    condition     = alltrue([for parameter in values(var.rabbit_secrets) : can(regex("^(common/)?[A-Za-z0-9_.-]+$", parameter))])
    error_message = "A parameter must be NAME or common/NAME."
  }
}
