variable "project" {
  description = "Name of the project: the first part of every repository's name and of every parameter's path"
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
  description = "Account of the repositories and parameters: the credentials of another one are refused. Any account without it"
  type        = string
  default     = null
}

variable "repositories" {
  description = "Images that are built: repository <project>/<name> of each"
  type        = set(string)
  default     = ["app", "nginx"]
}

variable "keep_images" {
  description = "How many of each repository's newest images are kept"
  type        = number
  default     = 50
}

variable "force_delete" {
  description = "Whether repositories that still have images may be destroyed"
  type        = bool
  default     = false
}

variable "secrets" {
  description = "Names of the secrets that all environments share: parameter /<project>/common/<name> of each, which app_secrets calls common/<name>"
  type        = set(string)
  default     = []
}

variable "secrets_kms_key_arn" {
  description = "Key of one's own that the secrets are encrypted with; the account's default key without it"
  type        = string
  default     = null
}
