variable "project" {
  description = "Name of the project: the first part of every family, and of the path of every parameter"
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
    error_message = "env_label must be lower-case letters, digits and hyphens; common is the path of what environments share, and local switches off what only a laptop can do without."
  }
}

variable "domain_name" {
  description = "Name that the service answers to, or several with commas"
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
  description = "RabbitMQ's image, with tag; where tasks cannot reach the public registry, a copy in one's own"
  type        = string
  default     = "rabbitmq:4"
}

variable "app_tag" {
  description = "Version of the app and nginx images"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.app_tag)) && var.app_tag != "latest"
    error_message = "app_tag must be the tag of one version; latest names none, so that nobody could say what runs or go back to it."
  }
}

variable "DJANGO_SETTINGS_MODULE" {
  description = "Settings of the app's containers; custom is what the app image adds for ECS"
  type        = string
  default     = "config.settings.custom"
}

variable "log_group_name" {
  description = "CloudWatch log group of every container"
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
  description = "More environment variables of the app's containers: name => value"
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "A setting's name is that of an environment variable."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), concat(keys(var.app_secrets), ["DJANGO_SETTINGS_MODULE", "ENV_LABEL", "HOST"]))) == 0
    error_message = "settings names what the task definitions have already: a secret, DJANGO_SETTINGS_MODULE, ENV_LABEL or HOST."
  }

  validation {
    condition     = var.jobs_count == 0 || !contains(keys(var.settings), "JOB_QUEUE")
    error_message = "settings names JOB_QUEUE, which is the queue of the service jobs; with jobs_count = 0 it may be another."
  }
}

variable "jobs_count" {
  description = "How many tasks of jobs run: while it is 0, JOB_QUEUE is not set, and the tasks of worker take what jobs would"
  type        = number
  default     = 1
}

variable "app_secrets" {
  description = "Environment name => parameter of the app's containers: NAME is /<project>/<env_label>/NAME, common/NAME is /<project>/common/NAME. The two names may differ."
  type        = map(string)
  default = {
    SECRET_KEY          = "SECRET_KEY"
    DATABASE_CONNECTION = "DATABASE_CONNECTION"
    CELERY_BROKER_URL   = "CELERY_BROKER_URL"
  }

  validation {
    condition     = alltrue([for parameter in values(var.app_secrets) : can(regex("^(common/)?[A-Za-z0-9_.-]+$", parameter))])
    error_message = "A parameter is NAME or common/NAME."
  }
}

variable "job_files" {
  description = "Access point of EFS that job and jobs see as /files: what is to outlive a task, such as EVIDENCE_INBOX; null: none"
  type = object({
    file_system_id  = string
    access_point_id = string
  })
  default = null
}

variable "rabbit_secrets" {
  description = "The same for the message broker"
  type        = map(string)
  default = {
    RABBITMQ_DEFAULT_USER = "RABBITMQ_DEFAULT_USER"
    RABBITMQ_DEFAULT_PASS = "RABBITMQ_DEFAULT_PASS"
  }

  validation {
    condition     = alltrue([for parameter in values(var.rabbit_secrets) : can(regex("^(common/)?[A-Za-z0-9_.-]+$", parameter))])
    error_message = "A parameter is NAME or common/NAME."
  }
}
