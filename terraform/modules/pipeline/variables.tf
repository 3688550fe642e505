variable "name" {
  description = "Name of the state machine and of its schedule; the one that runs a step is NAME-step"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,54}$", var.name))
    error_message = "name must be up to 54 letters, digits, hyphens and underscores: the roles' names have 64, and begin with it."
  }
}

variable "env_label" {
  description = "Name of the environment, for the notification of a failure"
  type        = string
}

variable "definition" {
  description = "What manage.py render_pipeline NAME --format asl prints: the definition as a template"
  type        = string

  validation {
    condition     = can(regex("states:startExecution\\.sync:2", var.definition))
    error_message = "definition must be a pipeline's, each step of which is an execution of its own: manage.py render_pipeline NAME --format asl."
  }
}

variable "cluster_name" {
  description = "Cluster that the steps run in"
  type        = string
}

variable "task_definition_family" {
  description = "Family of the task definition that each step is a task of; the newest revision at the time is taken"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.task_definition_family))
    error_message = "task_definition_family must be a family without a revision: a state machine that names one stays on that version."
  }
}

variable "container_name" {
  description = "Container of the task definition whose command is the step's; it has to be the first"
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
    error_message = "subnet_ids must be one subnet at least."
  }
}

variable "security_group_id" {
  description = "Security group of the tasks"
  type        = string
}

variable "assign_public_ip" {
  description = "Whether each task has a public address: needed in public subnets to reach anything outside"
  type        = bool
  default     = false
}

variable "topic_arn" {
  description = "SNS topic that a failure is published to"
  type        = string
}

variable "schedule" {
  description = "When the pipeline runs by itself; never without it. expression is cron(), rate() or at() of EventBridge Scheduler; parameters are the pipeline's"
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
  description = "Days for which the logs of both state machines are kept"
  type        = number
  default     = 30
}
