variable "name" {
  description = "Name of the role"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits or +=,.@_-."
  }
}

variable "policies" {
  description = "Policy's name => policy document as JSON; none by default, because the application calls no AWS service"
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for policy in values(var.policies) : can(jsondecode(policy).Statement)])
    error_message = "A policy must be a policy document as JSON, with a Statement."
  }
}

variable "enable_execute_command" {
  description = "Whether ECS Exec may open a shell in the containers"
  type        = bool
  default     = false
}
