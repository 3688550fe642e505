variable "name" {
  description = "Family of the task definition; the schedules' names begin with it"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.name))
    error_message = "name must be letters, digits, hyphens and underscores."
  }
}

variable "cluster_name" {
  description = "Cluster in which the tasks run"
  type        = string
}

variable "container_definitions" {
  description = "Container definitions as a JSON list"
  type        = string

  validation {
    condition     = try(length([for container in jsondecode(var.container_definitions) : container.name]) > 0, false)
    error_message = "container_definitions must be a JSON list of at least one object, each with a name."
  }
}

# The pairs of CPU and memory that Fargate sells: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
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
  description = "CPU units of the task; 1024 units are one vCPU"
  type        = number

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be 256, 512, 1024, 2048, 4096, 8192 or 16384: Fargate sells no other sizes."
  }
}

variable "memory" {
  description = "Memory of the task in MiB; which sizes are available depends on cpu"
  type        = number

  validation {
    condition     = contains(lookup(local.fargate_memory, tostring(var.cpu), []), var.memory)
    error_message = "Fargate does not sell this memory with this cpu. Memory in MiB for each cpu: 256: 512, 1024, 2048; 512: 1024 to 4096; 1024: 2048 to 8192; 2048: 4096 to 16384; 4096: 8192 to 30720, each in steps of 1024; 8192: 16384 to 61440 in steps of 4096; 16384: 32768 to 122880 in steps of 8192."
  }
}

variable "cpu_architecture" {
  description = "CPU architecture that the images are built for: X86_64 or ARM64"
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture must be X86_64 or ARM64."
  }
}

variable "role_arn" {
  description = "Task role, which says what the code in the containers may do in AWS"
  type        = string
}

variable "execution_role_arn" {
  description = "Task execution role, which ECS uses to pull images, read secrets and write logs"
  type        = string
}

variable "vpc_id" {
  description = "VPC whose subnets are used if subnet_ids is not set"
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Subnets of the tasks; if not set, all subnets of the VPC"
  type        = list(string)
  default     = null

  validation {
    condition     = var.subnet_ids != null || var.vpc_id != null
    error_message = "Set subnet_ids or vpc_id."
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

variable "schedules" {
  description = "Name => schedule: what the job does and when. expression is a cron(), rate() or at() of EventBridge Scheduler; command is the container's command; cpu and memory apply to the task, and memory also to its first container; retries is how often a failed start is tried again"
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
    error_message = "Fargate does not sell the memory of a schedule with its cpu. What the schedule does not set comes from the task definition."
  }
}

variable "file_systems" {
  description = "Volume's name => EFS access point that is mounted as this volume; every other volume starts empty and ends with the task"
  type = map(object({
    file_system_id  = string
    access_point_id = string
  }))
  default = {}
}
