variable "project" {
  description = "Name of the project; every repository's name and every parameter's path begins with it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.project))
    error_message = "project must be up to 20 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "Region of the repositories and parameters"
  type        = string
}

variable "account_id" {
  description = "Account of the repositories and parameters; credentials of other accounts are refused. If not set, any account is accepted"
  type        = string
  default     = null
}

variable "repositories" {
  description = "Images that are built; each has the repository <project>/<name>"
  type        = set(string)
  default     = ["app", "nginx"]
}

variable "keep_images" {
  description = "Number of newest images that each repository keeps"
  type        = number
  default     = 50
}

variable "force_delete" {
  description = "Whether Terraform may destroy repositories that still contain images"
  type        = bool
  default     = false
}

variable "secrets" {
  description = "Names of the secrets that all environments share; each is the parameter /<project>/common/<name>, and common/<name> in app_secrets"
  type        = set(string)
  default     = []
}

variable "secrets_kms_key_arn" {
  description = "Your own KMS key that encrypts the secrets; if not set, the account's default key"
  type        = string
  default     = null
}
