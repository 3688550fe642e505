variable "project" {
  description = "Name of the project; every name begins with it"
  type        = string
}

variable "env_label" {
  description = "Name of the environment; the second part of every name"
  type        = string
}

variable "cidr_block" {
  description = "Address range of the VPC; each subnet takes a sixteenth of it"
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr_block, 0)) && try(tonumber(split("/", var.cidr_block)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr_block)[1]), 99) <= 24
    error_message = "cidr_block must be an IPv4 block from /16 to /24: AWS accepts no larger one, and 16 subnets have to fit in."
  }
}

variable "availability_zone_count" {
  description = "Number of availability zones with subnets; a load balancer needs two"
  type        = number
  default     = 2

  validation {
    condition     = var.availability_zone_count >= 2 && var.availability_zone_count <= 6 && floor(var.availability_zone_count) == var.availability_zone_count
    error_message = "availability_zone_count must be a whole number from 2 to 6; a load balancer needs 2."
  }
}

variable "nat_gateway" {
  description = "Whether private subnets have a NAT gateway to the internet; tasks in them need one to pull images"
  type        = bool
  default     = false
}
