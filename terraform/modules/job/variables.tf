variable "name" {
  description = "Family of the task definition, and the first part of the schedules' names"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.name))
    error_message = "name must be letters, digits, hyphens and underscores."
  }
}

variable "cluster_name" {
  description = "Cluster that the tasks run in"
  type        = string
}

variable "container_definitions" {
  description = "Container definitions as JSON, a list"
  type        = string

  validation {
    condition     = try(length([for container in jsondecode(var.container_definitions) : container.name]) > 0, false)
    error_message = "container_definitions must be a JSON list of one object at least, each with a name."
  }
}

# The pairs that Fargate sells: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
locals {
  fargate_memory = {
    "256"   = [512, 1024, 2048]
    "512"   = range(1024, 4096 + 1, 1024)
    "1024"  = range(2048, 8192 + 1, 1024)
    "2048"  = range(4096, 16384 + 1, 1024)
    "4096"  = range(8192, 30720 + 1, 1024)
    "8192"  = range(16384, 61440 + 1, 4096)
    "16384" = range(32768, 122880 + 1, 8192)
  }
}

variable "cpu" {
  description = "CPU units of the task; 1024 are one vCPU"
  type        = number

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be 256, 512, 1024, 2048, 4096, 8192 or 16384: no other size is sold."
  }
}

variable "memory" {
  description = "MiB of the task; what can be had depends on cpu"
  type        = number

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.cpu), []), var.memory)
    error_message = "Fargate has no task of so much memory with so many CPU units. 256: 512, 1024, 2048; 512: 1024 to 4096; 1024: 2048 to 8192; 2048: 4096 to 16384; 4096: 8192 to 30720, each in steps of 1024; 8192: 16384 to 61440 in steps of 4096; 16384: 32768 to 122880 in steps of 8192."
  }
}

variable "cpu_architecture" {
  description = "X86_64 or ARM64, as the images are built"
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture must be X86_64 or ARM64."
  }
}

variable "role_arn" {
  description = "Task role: what the code in the containers may do with AWS"
  type        = string
}

variable "execution_role_arn" {
  description = "Task execution role: with which ECS pulls images, reads secrets and writes logs"
  type        = string
}

variable "vpc_id" {
  description = "VPC whose subnets are taken where subnet_ids is not given"
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Subnets of the tasks; all of the VPC's without it"
  type        = list(string)
  default     = null

  validation {
    condition     = var.subnet_ids != null || var.vpc_id != null
    error_message = "subnet_ids or vpc_id is needed."
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

variable "schedules" {
  description = "Name => what the job does by itself and when. expression is cron(), rate() or at() of EventBridge Scheduler; command is the container's; cpu and memory are the task's, memory its first container's, too; retries is how often a start that fails is tried again"
  type = map(object({
    expression = string
    timezone   = optional(string, "UTC")
    command    = list(string)
    cpu        = optional(number)
    memory     = optional(number)
    enabled    = optional(bool, true)
    retries    = optional(number, 3)
  }))
  default = {}

  validation {
    condition     = alltrue([for schedule in var.schedules : can(regex("^(cron|rate|at)\\(.+\\)$", schedule.expression))])
    error_message = "A schedule's expression must be cron(...), rate(...) or at(...)."
  }

  validation {
    condition     = alltrue([for schedule in var.schedules : length(schedule.command) > 0])
    error_message = "A schedule needs a command."
  }

  validation {
    condition = alltrue([
      for schedule in var.schedules :
      contains(lookup(local.fargate_memory, tostring(schedule.cpu == null ? var.cpu : schedule.cpu), []), schedule.memory == null ? var.memory : schedule.memory)
    ])
    error_message = "Fargate has no task of the memory and CPU units that a schedule has; what it does not give is the task definition's."
  }
}

variable "file_systems" {
  description = "Volume's name => the access point of EFS that it is; every other volume is empty and ends with the task"
  type = map(object({
    file_system_id  = string
    access_point_id = string
  }))
  default = {}
}
