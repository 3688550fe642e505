variable "names" {
  description = "Names of the repositories, such as adaptivity/app"
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", name)) && length(name) >= 2])
    error_message = "The name of a repository must be lower-case letters and digits, with single . _ - or / between them."
  }
}

variable "keep_images" {
  description = "Number of newest images that each repository keeps"
  type        = number
  default     = 50

  validation {
    condition     = var.keep_images >= 2 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images must be a whole number of 2 or more: with fewer, there is no image to roll back to."
  }
}

variable "force_delete" {
  description = "Whether Terraform may destroy a repository that still contains images"
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Your own KMS key that encrypts the images; if not set, AES256 is used"
  type        = string
  default     = null
}
