variable "name" {
  description = "Name of the parent state machine and of its schedule; the child state machine, which runs a step, is NAME-step"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,54}$", var.name))
    error_message = "name must be up to 54 letters, digits, hyphens and underscores: the roles' names begin with it and have at most 64 characters."
  }
}

variable "env_label" {
  description = "Name of the environment, for the notification of a failure"
  type        = string
}

variable "definition" {
  description = "Template of the definition, as printed by manage.py render_pipeline NAME --format asl"
  type        = string

  validation {
    condition     = can(regex("states:startExecution\\.sync:2", var.definition))
    error_message = "definition must be the output of manage.py render_pipeline NAME --format asl, in which each step is an execution of its own."
  }
}

variable "cluster_name" {
  description = "Cluster in which the steps run"
  type        = string
}

variable "task_definition_family" {
  description = "Family of the task definition that each step runs; ECS uses the newest revision at the time"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.task_definition_family))
    error_message = "task_definition_family must be a family without a revision: with a revision, the state machine would stay on that version."
  }
}

variable "container_name" {
  description = "Container of the task definition that runs the step's command; it has to be the first container"
  type        = string
  default     = "job"
}

variable "role_arn" {
  description = "Task role of the task definition"
  type        = string
}

variable "execution_role_arn" {
  description = "Task execution role of the task definition"
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the tasks"
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must be at least one subnet."
  }
}

variable "security_group_id" {
  description = "Security group of the tasks"
  type        = string
}

variable "assign_public_ip" {
  description = "Whether each task gets a public address; in public subnets a task needs one to reach anything outside the VPC"
  type        = bool
  default     = false
}

variable "topic_arn" {
  description = "SNS topic to which failures are published"
  type        = string
}

variable "schedule" {
  description = "Schedule of the pipeline; if not set, it runs only by hand. expression is a cron(), rate() or at() of EventBridge Scheduler; parameters are those of the pipeline"
  type = object({
    expression = string
    timezone   = optional(string, "UTC")
    enabled    = optional(bool, true)
    parameters = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.schedule == null ? true : can(regex("^(cron|rate|at)\\(.+\\)$", var.schedule.expression))
    error_message = "The schedule's expression must be cron(...), rate(...) or at(...)."
  }
}

variable "log_retention_days" {
  description = "Number of days for which the logs of both state machines are kept"
  type        = number
  default     = 30
}
