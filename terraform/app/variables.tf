variable "project" {
  description = "Name of the project; every name begins with <project>-<env_label>"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.project))
    error_message = "project must be up to 20 lower-case letters, digits and hyphens, beginning with a letter: a load balancer's name has at most 32 characters."
  }
}

variable "short_project_label" {
  description = "Short name of the project, up to 6 characters; the target group's name begins with it"
  type        = string
}

variable "env_label" {
  description = "Name of the environment and of its workspace: dev, stage or prod"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,9}$", var.env_label)) && !contains(["common", "local", "default"], var.env_label)
    error_message = "env_label must be up to 10 lower-case letters, digits and hyphens, beginning with a letter, and not common, local or default."
  }

  # Applied to another workspace's state, these values would turn that environment into this one.
  validation {
    condition     = var.env_label == terraform.workspace
    error_message = "These are the values of ${var.env_label}, but the workspace is ${terraform.workspace}. Select the environment's workspace: terraform workspace select ${var.env_label}"
  }
}

variable "region" {
  description = "Region of the environment"
  type        = string
}

variable "account_id" {
  description = "Account of the environment; credentials of other accounts are refused. If not set, any account is accepted"
  type        = string
  default     = null
}

variable "domain_name" {
  description = "Host name of the service"
  type        = string
}

variable "hosted_zone" {
  description = "Route 53 zone that contains domain_name"
  type        = string
}

variable "ssl_certificate_arn" {
  description = "ACM certificate of domain_name, in the same region"
  type        = string
}

variable "vpc_id" {
  description = "Existing VPC to use; if not set, the environment creates its own"
  type        = string
  default     = null
}

variable "vpc_cidr_block" {
  description = "Address range of the environment's own VPC"
  type        = string
  default     = "10.0.0.0/16"
}

variable "public_subnet_ids" {
  description = "Public subnets of vpc_id, for the load balancer and, unless private_tasks is set, for the tasks; if not set, all subnets of the VPC"
  type        = list(string)
  default     = null
}

variable "private_subnet_ids" {
  description = "Private subnets of vpc_id, for the database and, if private_tasks is set, for the tasks; if not set, all subnets of the VPC"
  type        = list(string)
  default     = null
}

variable "private_tasks" {
  description = "Whether tasks run in private subnets behind a NAT gateway, which costs more than a small environment. Otherwise they run in public subnets, each with a public address that the security group closes"
  type        = bool
  default     = false
}

variable "ingress_cidr_blocks" {
  description = "CIDR blocks that can reach the load balancer"
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "access_logs_bucket" {
  description = "Bucket for the load balancer's access logs; if not set, there are none"
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer and the database"
  type        = bool
  default     = true
}

variable "cluster_name" {
  description = "Existing cluster to use, with the capacity providers FARGATE and FARGATE_SPOT; if not set, the environment creates its own"
  type        = string
  default     = null
}

variable "container_insights" {
  description = "Whether tasks and containers have metrics: disabled, enabled or enhanced; CloudWatch charges for each metric"
  type        = string
  default     = "disabled"

  validation {
    condition     = contains(["disabled", "enabled", "enhanced"], var.container_insights)
    error_message = "container_insights must be disabled, enabled or enhanced."
  }
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

# No default, and in no .tfvars file: every release has to name its version.
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

variable "settings" {
  description = "Additional environment variables of the app's containers, name => value. docs/settings.md lists them all; secrets belong in app_secrets"
  type        = map(string)
  default     = {}
}

variable "app_secrets" {
  description = "Environment variable of the app's containers => parameter: NAME stands for /<project>/<env_label>/NAME, declared here; common/NAME stands for /<project>/common/NAME, declared by ../common"
  type        = map(string)
  default = {
    SECRET_KEY          = "SECRET_KEY"
    DATABASE_CONNECTION = "DATABASE_CONNECTION"
    CELERY_BROKER_URL   = "CELERY_BROKER_URL"
  }
}

variable "rabbit_secrets" {
  description = "The same for the containers of the message broker"
  type        = map(string)
  default = {
    RABBITMQ_DEFAULT_USER = "RABBITMQ_DEFAULT_USER"
    RABBITMQ_DEFAULT_PASS = "RABBITMQ_DEFAULT_PASS"
  }
}

variable "secrets_kms_key_arn" {
  description = "Your own KMS key that encrypts the secrets; if not set, the account's default key"
  type        = string
  default     = null
}

variable "task_policies" {
  description = "Policy's name => policy document as JSON, for what the code in the containers may do in AWS"
  type        = map(string)
  default     = {}
}

variable "log_retention_days" {
  description = "Number of days for which the logs are kept"
  type        = number
  default     = 30
}

variable "web_count" {
  description = "Number of web tasks while web_autoscaling is not set"
  type        = number
  default     = 1
}

variable "web_autoscaling" {
  description = "Minimum and maximum number of web tasks, and the target load: CPU and memory in percent, requests per target and minute"
  type = object({
    min                 = number
    max                 = number
    cpu_target          = optional(number)
    memory_target       = optional(number)
    requests_per_target = optional(number)
  })
  default = null
}

variable "worker_count" {
  description = "Number of worker tasks while worker_autoscaling is not set"
  type        = number
  default     = 1
}

variable "worker_autoscaling" {
  description = "Minimum and maximum number of worker tasks, and the target load: CPU and memory in percent"
  type = object({
    min           = number
    max           = number
    cpu_target    = optional(number)
    memory_target = optional(number)
  })
  default = null
}

variable "worker_spot_weight" {
  description = "Percentage of the workers beyond the first that run on FARGATE_SPOT, which is cheaper and stops tasks with two minutes' notice"
  type        = number
  default     = 0
}

variable "jobs_count" {
  description = "Number of jobs tasks. Each reads one new source, or runs one step of a pipeline, at a time. If it is 0, the worker tasks do this work. Their image has no Scrapy, so a new website waits for the pipeline nightly"
  type        = number
  default     = 1

  validation {
    condition     = var.jobs_count >= 0 && floor(var.jobs_count) == var.jobs_count
    error_message = "jobs_count must be a whole number, 0 or more."
  }
}

variable "schedules" {
  description = "Name => schedule: what the job does and when; expression is a cron(), rate() or at() of EventBridge Scheduler"
  type = map(object({
    expression = string
    timezone   = optional(string, "UTC")
    command    = list(string)
    cpu        = optional(number)
    memory     = optional(number)
    enabled    = optional(bool, true)
  }))
  default = {}
}

variable "nightly" {
  description = "Schedule of the pipeline nightly; null if it never runs by itself. expression is a cron(), rate() or at() of EventBridge Scheduler; parameters are those of the pipeline"
  type = object({
    expression = optional(string, "cron(0 8 * * ? *)")
    timezone   = optional(string, "UTC")
    enabled    = optional(bool, true)
    # export_directory defaults to the setting EXPORT_DIRECTORY, which is /tmp/export in a task.
    parameters = optional(map(string), {})
  })
  default = {}
}

variable "job_files" {
  description = "EFS access point that job and jobs see as /files, for what has to outlive a task, such as EVIDENCE_INBOX; null if there is none. Its security group has to admit the tasks (2049/tcp)"
  type = object({
    file_system_id  = string
    access_point_id = string
  })
  default = null
}

variable "database" {
  description = "Settings of PostgreSQL, as in the module database"
  type = object({
    engine_version            = optional(string, "17")
    instance_class            = optional(string, "db.t4g.micro")
    allocated_storage         = optional(number, 20)
    max_allocated_storage     = optional(number, 100)
    multi_az                  = optional(bool, false)
    backup_retention_days     = optional(number, 7)
    skip_final_snapshot       = optional(bool, false)
    final_snapshot_identifier = optional(string)
  })
  default = {}
}

variable "database_password" {
  description = "Password of the database's user. It is needed when the database is created and when database_password_version is raised, and is stored nowhere"
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "database_password_version" {
  description = "Version of database_password; raise it to set the password again"
  type        = number
  default     = 1
}

variable "alarm_email" {
  description = "Address to which alarms are sent, and which has to confirm the subscription once; if not set, nobody is notified, but you can subscribe to the topic"
  type        = string
  default     = null
}
