variable "name" {
  description = "Name of the service, and family of its task definition"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.name))
    error_message = "name must be letters, digits, hyphens and underscores."
  }
}

variable "cluster_name" {
  description = "Cluster of the service; it needs the capacity providers FARGATE and FARGATE_SPOT"
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
    condition = contains(lookup({
      "256"   = [512, 1024, 2048]
      "512"   = range(1024, 4096 + 1, 1024)
      "1024"  = range(2048, 8192 + 1, 1024)
      "2048"  = range(4096, 16384 + 1, 1024)
      "4096"  = range(8192, 30720 + 1, 1024)
      "8192"  = range(16384, 61440 + 1, 4096)
      "16384" = range(32768, 122880 + 1, 8192)
    }, tostring(var.cpu), []), var.memory)
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

variable "desired_count" {
  description = "Number of tasks while autoscaling is not set"
  type        = number
  default     = 1

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "desired_count must be a whole number, 0 or more."
  }
}

variable "spot_weight" {
  description = "Percentage of the tasks beyond the first that run on FARGATE_SPOT, which AWS stops with two minutes' notice"
  type        = number
  default     = 0

  validation {
    condition     = var.spot_weight >= 0 && var.spot_weight <= 100 && floor(var.spot_weight) == var.spot_weight
    error_message = "spot_weight must be a whole number from 0 to 100."
  }
}

variable "autoscaling" {
  description = "Minimum and maximum number of tasks, and the target load: CPU and memory in percent, requests per target and minute"
  type = object({
    min                 = number
    max                 = number
    cpu_target          = optional(number)
    memory_target       = optional(number)
    requests_per_target = optional(number)
  })
  default = null

  validation {
    condition     = var.autoscaling == null ? true : var.autoscaling.min >= 0 && var.autoscaling.min <= var.autoscaling.max
    error_message = "autoscaling needs 0 <= min <= max."
  }

  validation {
    condition     = var.autoscaling == null ? true : length([for target in [var.autoscaling.cpu_target, var.autoscaling.memory_target, var.autoscaling.requests_per_target] : target if target != null]) > 0
    error_message = "autoscaling needs a target: cpu_target, memory_target or requests_per_target."
  }
}

variable "deployment_minimum_healthy_percent" {
  description = "Percentage of desired_count that keeps running during a deployment"
  type        = number
  default     = 100
}

variable "deployment_maximum_percent" {
  description = "Percentage of desired_count that may run at most during a deployment"
  type        = number
  default     = 200

  validation {
    condition     = var.deployment_maximum_percent > var.deployment_minimum_healthy_percent
    error_message = "deployment_maximum_percent must be more than deployment_minimum_healthy_percent; otherwise no task could be replaced."
  }
}

variable "enable_execute_command" {
  description = "Whether `aws ecs execute-command` may open a shell in the containers; the task role has to allow it too"
  type        = bool
  default     = false
}

variable "wait_for_steady_state" {
  description = "Whether apply waits until the deployment is done; only then can it find out that the deployment was rolled back"
  type        = bool
  default     = true
}

variable "target_group_arn" {
  description = "Target group of the load balancer, of type ip"
  type        = string
}

variable "load_balancer_container_name" {
  description = "Container to which the load balancer sends requests"
  type        = string

  validation {
    condition     = contains(try(jsondecode(var.container_definitions)[*].name, []), var.load_balancer_container_name)
    error_message = "load_balancer_container_name must be a container in container_definitions."
  }
}

variable "load_balancer_container_port" {
  description = "Port of the container"
  type        = number

  validation {
    condition     = var.load_balancer_container_port >= 1 && var.load_balancer_container_port <= 65535
    error_message = "load_balancer_container_port must be 1 to 65535."
  }
}

variable "health_check_grace_period_seconds" {
  description = "Seconds after a task's start during which the load balancer's health check is ignored"
  type        = number
  default     = 60
}

variable "load_balancer_arn_suffix" {
  description = "Name of the load balancer in metrics, for autoscaling by requests"
  type        = string
  default     = null
}

variable "target_group_arn_suffix" {
  description = "Name of the target group in metrics, for autoscaling by requests"
  type        = string
  default     = null
}
