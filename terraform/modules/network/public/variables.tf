variable "project" {
  description = "Name of the project: the first part of every name"
  type        = string
}

variable "env_label" {
  description = "Name of the environment: the second part of every name"
  type        = string

  validation {
    condition     = length("${var.project}-${var.env_label}") <= 32
    error_message = "project and env_label together must have at most 31 characters: a load balancer's name has 32."
  }
}

variable "short_project_label" {
  description = "Name of the project in up to 6 characters, with which the target group's name begins"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,5}$", var.short_project_label))
    error_message = "short_project_label must be 1 to 6 letters, digits and hyphens, not beginning with a hyphen."
  }
}

variable "vpc_id" {
  description = "VPC of the load balancer and the tasks"
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the load balancer, in two zones at least; all of the VPC's without it"
  type        = list(string)
  default     = null

  validation {
    condition     = var.subnet_ids == null || try(length(var.subnet_ids), 0) >= 2
    error_message = "subnet_ids must be two subnets at least: a load balancer is in two availability zones."
  }
}

variable "ssl_certificate_arn" {
  description = "ACM certificate of domain_name; without it an existing listener has one already"
  type        = string
  default     = null

  validation {
    condition     = var.ssl_certificate_arn != null || var.listener_arn != null
    error_message = "ssl_certificate_arn is needed for a new load balancer."
  }
}

variable "ssl_policy" {
  description = "TLS versions and ciphers of a new load balancer: TLS 1.3, and 1.2 for clients that have no newer one"
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-2021-06"
}

variable "hosted_zone" {
  description = "Route 53 zone that domain_name is in"
  type        = string
}

variable "domain_name" {
  description = "Name that the service answers to"
  type        = string
}

variable "container_port" {
  description = "Port of the container that the load balancer sends requests to"
  type        = number
  default     = 80
}

variable "health_check_path" {
  description = "Path that the load balancer asks each task for, in plain HTTP at the task's address; 200 is healthy"
  type        = string
  default     = "/health/"

  validation {
    condition     = startswith(var.health_check_path, "/")
    error_message = "health_check_path must begin with a slash."
  }
}

variable "listener_arn" {
  description = "HTTPS listener of an existing load balancer to use; without it there is a load balancer of its own"
  type        = string
  default     = null
}

variable "listener_rule_priority" {
  description = "Place of the rule among an existing listener's; AWS puts it last without it"
  type        = number
  default     = null
}

variable "deregistration_delay" {
  description = "Seconds that a target that leaves has for the requests it has taken"
  type        = number
  default     = 30

  validation {
    condition     = var.deregistration_delay >= 0 && var.deregistration_delay <= 3600
    error_message = "deregistration_delay must be 0 to 3600 seconds."
  }
}

variable "access_logs_bucket" {
  description = "Bucket for the access logs of a new load balancer; none without it"
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete a new load balancer"
  type        = bool
  default     = false
}

variable "ingress_cidr_blocks" {
  description = "Who reaches the load balancer: everybody without it"
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.ingress_cidr_blocks) > 0 && alltrue([for block in var.ingress_cidr_blocks : can(cidrhost(block, 0))])
    error_message = "ingress_cidr_blocks must be one CIDR block at least, such as 192.0.2.0/24."
  }
}
