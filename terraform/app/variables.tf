variable "project" {
  description = "Name of the project: everything's name begins with <project>-<env_label>"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.project))
    error_message = "project must be up to 20 lower-case letters, digits and hyphens, beginning with a letter: a load balancer's name has 32."
  }
}

variable "short_project_label" {
  description = "Name of the project in 6 characters, with which the target group's name begins"
  type        = string
}

variable "env_label" {
  description = "Name of the environment: dev, stage or prod. It is the workspace's name, too"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,9}$", var.env_label)) && !contains(["common", "local", "default"], var.env_label)
    error_message = "env_label must be up to 10 lower-case letters, digits and hyphens, and neither common, local nor default."
  }

  # One workspace's state with another environment's values would turn that environment into this one.
  validation {
    condition     = var.env_label == terraform.workspace
    error_message = "The values are those of ${var.env_label}, the workspace is ${terraform.workspace}. Select the environment's: terraform workspace select ${var.env_label}"
  }
}

variable "region" {
  description = "Region of the environment"
  type        = string
}

variable "account_id" {
  description = "Account of the environment: the credentials of another one are refused. Any account without it"
  type        = string
  default     = null
}

variable "domain_name" {
  description = "Name that the service answers to"
  type        = string
}

variable "hosted_zone" {
  description = "Route 53 zone that domain_name is in"
  type        = string
}

variable "ssl_certificate_arn" {
  description = "ACM certificate of domain_name, in the same region"
  type        = string
}

variable "vpc_id" {
  description = "VPC to use; without it the environment has one of its own"
  type        = string
  default     = null
}

variable "vpc_cidr_block" {
  description = "Addresses of the VPC of its own"
  type        = string
  default     = "10.0.0.0/16"
}

variable "public_subnet_ids" {
  description = "Public subnets of vpc_id, for the load balancer and, unless private_tasks, for the tasks; all the VPC's subnets without it"
  type        = list(string)
  default     = null
}

variable "private_subnet_ids" {
  description = "Private subnets of vpc_id, for the database and, with private_tasks, for the tasks; all the VPC's subnets without it"
  type        = list(string)
  default     = null
}

variable "private_tasks" {
  description = "Whether tasks are in private subnets behind a NAT gateway, which costs more than a small environment, and not in public ones with an address each, which the security group closes"
  type        = bool
  default     = false
}

variable "ingress_cidr_blocks" {
  description = "Who reaches the load balancer"
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "access_logs_bucket" {
  description = "Bucket for the load balancer's access logs; none without it"
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer and the database"
  type        = bool
  default     = true
}

variable "cluster_name" {
  description = "Cluster to use, one with the capacity providers FARGATE and FARGATE_SPOT; without it the environment has one of its own"
  type        = string
  default     = null
}

variable "container_insights" {
  description = "Metrics of tasks and containers: disabled, enabled or enhanced; CloudWatch charges for each metric"
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
  description = "RabbitMQ's image, with tag; where tasks cannot reach the public registry, a copy in one's own"
  type        = string
  default     = "rabbitmq:4"
}

# No default and in no .tfvars file: what is released is said, every time.
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

variable "settings" {
  description = "More environment variables of the app's containers: name => value; docs/settings.md has them all, and a secret belongs into app_secrets"
  type        = map(string)
  default     = {}
}

variable "app_secrets" {
  description = "Environment name => parameter of the app's containers: NAME is /<project>/<env_label>/NAME and declared here, common/NAME is /<project>/common/NAME and declared by ../common"
  type        = map(string)
  default = {
    SECRET_KEY          = "SECRET_KEY"
    DATABASE_CONNECTION = "DATABASE_CONNECTION"
    CELERY_BROKER_URL   = "CELERY_BROKER_URL"
  }
}

variable "rabbit_secrets" {
  description = "The same for the message broker"
  type        = map(string)
  default = {
    RABBITMQ_DEFAULT_USER = "RABBITMQ_DEFAULT_USER"
    RABBITMQ_DEFAULT_PASS = "RABBITMQ_DEFAULT_PASS"
  }
}

variable "secrets_kms_key_arn" {
  description = "Key of one's own that the secrets are encrypted with; the account's default key without it"
  type        = string
  default     = null
}

variable "task_policies" {
  description = "Policy's name => policy document as JSON, what the code in the containers may do with AWS"
  type        = map(string)
  default     = {}
}

variable "log_retention_days" {
  description = "For how many days the logs are kept"
  type        = number
  default     = 30
}

variable "web_count" {
  description = "How many tasks of web run, while web_autoscaling is not set"
  type        = number
  default     = 1
}

variable "web_autoscaling" {
  description = "How many tasks of web run at least and at most, and the load that is aimed for: CPU and memory in %, requests a target and minute"
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
  description = "How many tasks of worker run, while worker_autoscaling is not set"
  type        = number
  default     = 1
}

variable "worker_autoscaling" {
  description = "How many tasks of worker run at least and at most, and the CPU and memory in % that are aimed for"
  type = object({
    min           = number
    max           = number
    cpu_target    = optional(number)
    memory_target = optional(number)
  })
  default = null
}

variable "worker_spot_weight" {
  description = "Share in % of the workers beyond the first that run on FARGATE_SPOT: cheaper, and stopped with two minutes' notice"
  type        = number
  default     = 0
}

variable "jobs_count" {
  description = "How many tasks of jobs run, each of which reads one new source or runs one step of a pipeline at a time; 0: the tasks of worker take these, whose image has no Scrapy, and a new website waits for the pipeline nightly"
  type        = number
  default     = 1

  validation {
    condition     = var.jobs_count >= 0 && floor(var.jobs_count) == var.jobs_count
    error_message = "jobs_count must be a whole number, 0 or more."
  }
}

variable "schedules" {
  description = "Name => what the job does by itself and when; expression is cron(), rate() or at() of EventBridge Scheduler"
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
  description = "When the pipeline nightly runs; null: never. expression is cron(), rate() or at() of EventBridge Scheduler; parameters are the pipeline's"
  type = object({
    expression = optional(string, "cron(0 8 * * ? *)")
    timezone   = optional(string, "UTC")
    enabled    = optional(bool, true)
    # export_directory: where none is named, the setting EXPORT_DIRECTORY, in a task /tmp/export.
    parameters = optional(map(string), {})
  })
  default = {}
}

variable "job_files" {
  description = "Access point of EFS that job and jobs see as /files: what is to outlive a task, such as EVIDENCE_INBOX; null: none. Its security group has to let the tasks in (2049/tcp)"
  type = object({
    file_system_id  = string
    access_point_id = string
  })
  default = null
}

variable "database" {
  description = "PostgreSQL, as the module database takes it"
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
  description = "Password of the database's user: needed when the database is made and when database_password_version rises, and kept nowhere"
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "database_password_version" {
  description = "Raised when database_password is to be set anew"
  type        = number
  default     = 1
}

variable "alarm_email" {
  description = "Who is told of alarms, and confirms it once; nobody without it, and the topic is there to subscribe to"
  type        = string
  default     = null
}
