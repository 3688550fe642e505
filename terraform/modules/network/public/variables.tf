variable "project" {
  description = "Name of the project; every name begins with it"
  type        = string
}

variable "env_label" {
  description = "Name of the environment; the second part of every name"
  type        = string

  validation {
    condition     = length("${var.project}-${var.env_label}") <= 32
    error_message = "project and env_label together must have at most 31 characters: a load balancer's name has at most 32."
  }
}

variable "short_project_label" {
  description = "Short name of the project, up to 6 characters; the target group's name begins with it"
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
  description = "Subnets of the load balancer, in at least two zones; if not set, all subnets of the VPC"
  type        = list(string)
  default     = null

  validation {
    condition     = var.subnet_ids == null || try(length(var.subnet_ids), 0) >= 2
    error_message = "subnet_ids must be at least two subnets: a load balancer needs two availability zones."
  }
}

variable "ssl_certificate_arn" {
  description = "ACM certificate of domain_name; leave it out if an existing listener already has one"
  type        = string
  default     = null

  validation {
    condition     = var.ssl_certificate_arn != null || var.listener_arn != null
    error_message = "A new load balancer needs ssl_certificate_arn."
  }
}

variable "ssl_policy" {
  description = "TLS versions and ciphers of a new load balancer: TLS 1.3, and 1.2 for clients without 1.3"
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-2021-06"
}

variable "hosted_zone" {
  description = "Route 53 zone that contains domain_name"
  type        = string
}

variable "domain_name" {
  description = "Host name of the service"
  type        = string
}

variable "container_port" {
  description = "Container port to which the load balancer sends requests"
  type        = number
  default     = 80
}

variable "health_check_path" {
  description = "Path of the health check, which asks each task's address over plain HTTP; 200 means healthy"
  type        = string
  default     = "/health/"

  validation {
    condition     = startswith(var.health_check_path, "/")
    error_message = "health_check_path must begin with a slash."
  }
}

variable "listener_arn" {
  description = "HTTPS listener of an existing load balancer to use; if not set, a new load balancer is created"
  type        = string
  default     = null
}

variable "listener_rule_priority" {
  description = "Priority of the rule at an existing listener; if not set, AWS puts it last"
  type        = number
  default     = null
}

variable "deregistration_delay" {
  description = "Seconds that a leaving target has to finish its requests"
  type        = number
  default     = 30

  validation {
    condition     = var.deregistration_delay >= 0 && var.deregistration_delay <= 3600
    error_message = "deregistration_delay must be 0 to 3600 seconds."
  }
}

variable "access_logs_bucket" {
  description = "Bucket for the access logs of a new load balancer; if not set, there are none"
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete a new load balancer"
  type        = bool
  default     = false
}

variable "ingress_cidr_blocks" {
  description = "CIDR blocks that can reach the load balancer; if not set, everybody can"
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.ingress_cidr_blocks) > 0 && alltrue([for block in var.ingress_cidr_blocks : can(cidrhost(block, 0))])
    error_message = "ingress_cidr_blocks must be at least one CIDR block, such as 192.0.2.0/24."
  }
}
