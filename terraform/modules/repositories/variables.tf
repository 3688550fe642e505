variable "names" {
  description = "Names of the repositories, such as adaptivity/app"
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", name)) && length(name) >= 2])
    error_message = "The name of a repository is lower-case letters and digits, with single . _ - or / between them."
  }
}

variable "keep_images" {
  description = "How many of each repository's newest images are kept"
  type        = number
  default     = 50

  validation {
    condition     = var.keep_images >= 2 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images must be a whole number of 2 or more: with fewer there is nothing to go back to."
  }
}

variable "force_delete" {
  description = "Whether a repository that still has images may be destroyed"
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Key of one's own to encrypt the images with; AES256 without one"
  type        = string
  default     = null
}
