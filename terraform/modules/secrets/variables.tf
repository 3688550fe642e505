variable "project" {
  description = "Name of the project; every path begins with it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.project))
    error_message = "project must be lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "scope" {
  description = "Second part of every path: the environment's env_label, or common for what all environments share"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.scope))
    error_message = "scope must be an env_label or common: lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "names" {
  description = "Names of the secrets; each is the last part of a path"
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[A-Za-z0-9_.-]+$", name))])
    error_message = "The name of a secret must be letters, digits and the characters _.- only."
  }
}

variable "kms_key_id" {
  description = "Your own KMS key that encrypts the values; if not set, the account's default key (alias/aws/ssm)"
  type        = string
  default     = null
}
