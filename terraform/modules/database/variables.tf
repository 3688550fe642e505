variable "project" {
  description = "Name of the project; with underscores for hyphens, also the name of the database and its user"
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
  description = "Subnets of the database, in at least two availability zones"
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must be subnets in at least two availability zones: RDS requires them."
  }
}

variable "security_group_id" {
  description = "Security group of the services; nothing else can reach the database"
  type        = string
}

variable "engine_version" {
  description = "Version of PostgreSQL; with a major version alone, RDS chooses the minor one"
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
    error_message = "instance_class must be an RDS instance class, such as db.t4g.micro."
  }
}

variable "allocated_storage" {
  description = "Initial storage in GiB"
  type        = number
  default     = 20

  validation {
    condition     = var.allocated_storage >= 20
    error_message = "allocated_storage must be 20 GiB or more, the minimum of gp3."
  }
}

variable "max_allocated_storage" {
  description = "Size in GiB up to which the storage grows by itself; 0 if it does not grow"
  type        = number
  default     = 100
}

variable "multi_az" {
  description = "Whether a standby in another availability zone takes over if the instance fails; this doubles the price"
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the instance"
  type        = bool
  default     = true
}

variable "skip_final_snapshot" {
  description = "Whether to skip the final snapshot when the instance is destroyed"
  type        = bool
  default     = false
}

variable "final_snapshot_identifier" {
  description = "Name of the final snapshot; if not set, <project>-<env_label>-final"
  type        = string
  default     = null
}

variable "backup_retention_days" {
  description = "Number of days within which the instance can be restored to any second"
  type        = number
  default     = 7

  validation {
    condition     = var.backup_retention_days >= 0 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be 0 to 35."
  }
}

variable "kms_key_arn" {
  description = "Your own KMS key that encrypts the storage; if not set, the account's default key (alias/aws/rds)"
  type        = string
  default     = null
}

variable "password" {
  description = "Password of the database's user. It is needed when the instance is created and when password_version is raised, and is stored nowhere"
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
  description = "Version of password; raise it to set the password again"
  type        = number
  default     = 1
}
