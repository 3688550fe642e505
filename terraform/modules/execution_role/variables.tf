variable "name" {
  description = "Name of the role"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits or +=,.@_-."
  }
}

variable "repository_arns" {
  description = "ECR repositories of the images that the tasks run; none if every image is public"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.repository_arns : can(regex("^arn:[a-z-]+:ecr:[^:*]+:\\d{12}:repository/[^*]+$", arn))])
    error_message = "repository_arns must be ARNs of ECR repositories, without wildcards."
  }
}

variable "log_group_arn" {
  description = "CloudWatch log group to which the containers write"
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:logs:[^:*]+:\\d{12}:log-group:[^:*]+(:\\*)?$", var.log_group_arn))
    error_message = "log_group_arn must be the ARN of one log group."
  }
}

variable "parameter_arns" {
  description = "SSM parameters that the container definitions name under secrets; no others"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.parameter_arns : can(regex("^arn:[a-z-]+:ssm:[^:*]+:\\d{12}:parameter/[^*?]+$", arn))])
    error_message = "parameter_arns must be ARNs of SSM parameters, without wildcards."
  }
}

variable "secret_arns" {
  description = "Secrets Manager secrets that the container definitions name under secrets; no others"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.secret_arns : can(regex("^arn:[a-z-]+:secretsmanager:[^:*]+:\\d{12}:secret:[^*?]+$", arn))])
    error_message = "secret_arns must be ARNs of secrets, without wildcards."
  }
}

variable "kms_key_arns" {
  description = "Your own KMS keys that encrypt the parameters and secrets; the account's default keys need no entry"
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.kms_key_arns : can(regex("^arn:[a-z-]+:kms:[^:*]+:\\d{12}:key/[^*?]+$", arn))])
    error_message = "kms_key_arns must be ARNs of keys, not of aliases, without wildcards."
  }
}
