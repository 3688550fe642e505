variable "project" {
  description = "Name of the project; with hyphens as underscores also the database's and its user's name"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.project))
    error_message = "project must be lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "env_label" {
  description = "Name of the environment: dev, stage or prod"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.env_label))
    error_message = "env_label must be lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "vpc_id" {
  description = "VPC of the database"
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the database, in two availability zones or more"
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "RDS wants subnets in two availability zones or more."
  }
}

variable "security_group_id" {
  description = "Security group of the services, from which alone the database is reached"
  type        = string
}

variable "engine_version" {
  description = "Version of PostgreSQL; the major version alone leaves the minor ones to RDS"
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^\\d+(\\.\\d+)?$", var.engine_version))
    error_message = "engine_version must be a version such as 17 or 17.6."
  }
}

variable "instance_class" {
  description = "Size of the instance"
  type        = string
  default     = "db.t4g.micro"

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class must be a class of RDS, such as db.t4g.micro."
  }
}

variable "allocated_storage" {
  description = "Storage in GiB at the beginning"
  type        = number
  default     = 20

  validation {
    condition     = var.allocated_storage >= 20
    error_message = "allocated_storage must be 20 GiB or more, the least of gp3."
  }
}

variable "max_allocated_storage" {
  description = "Storage in GiB up to which it grows by itself; 0 for not at all"
  type        = number
  default     = 100
}

variable "multi_az" {
  description = "Whether a standby in another availability zone takes over when the instance fails; doubles the price"
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the instance"
  type        = bool
  default     = true
}

variable "skip_final_snapshot" {
  description = "Whether destroying the instance leaves no snapshot"
  type        = bool
  default     = false
}

variable "final_snapshot_identifier" {
  description = "Name of the snapshot that destroying leaves; <project>-<env_label>-final without one"
  type        = string
  default     = null
}

variable "backup_retention_days" {
  description = "For how many days the instance can be put back to any second"
  type        = number
  default     = 7

  validation {
    condition     = var.backup_retention_days >= 0 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be 0 to 35."
  }
}

variable "kms_key_arn" {
  description = "Key of one's own to encrypt the storage with; the account's default key (alias/aws/rds) without one"
  type        = string
  default     = null
}

variable "password" {
  description = "The user's password: needed when the instance is made and when password_version rises, and kept nowhere"
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = var.password == null || can(regex("^[!-~]{16,128}$", var.password)) && !can(regex("[/@\" ]", var.password))
    error_message = "password must be 16 to 128 printable characters without / @ \" and spaces."
  }
}

variable "password_version" {
  description = "Raised when password is to be set anew"
  type        = number
  default     = 1
}
