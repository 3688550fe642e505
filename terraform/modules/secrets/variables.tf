variable "project" {
  description = "Name of the project: the first part of every path"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.project))
    error_message = "project must be lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "scope" {
  description = "The environment's env_label, or common for what all environments share: the second part of every path"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.scope))
    error_message = "scope must be an env_label or common: lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "names" {
  description = "Names of the secrets: the last part of every path"
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[A-Za-z0-9_.-]+$", name))])
    error_message = "The name of a secret is letters, digits and _.- alone."
  }
}

variable "kms_key_id" {
  description = "Key of one's own to encrypt the values with; the account's default key (alias/aws/ssm) without one"
  type        = string
  default     = null
}
