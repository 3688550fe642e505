variable "project" {
  description = "Name of the project: the first part of every name"
  type        = string
}

variable "env_label" {
  description = "Name of the environment: the second part of every name"
  type        = string
}

variable "cidr_block" {
  description = "Addresses of the VPC, which 16 subnets share"
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr_block, 0)) && try(tonumber(split("/", var.cidr_block)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr_block)[1]), 99) <= 24
    error_message = "cidr_block must be an IPv4 block from /16 to /24, as AWS takes it and 16 subnets fit into it."
  }
}

variable "availability_zone_count" {
  description = "In how many availability zones there are subnets; a load balancer needs two"
  type        = number
  default     = 2

  validation {
    condition     = var.availability_zone_count >= 2 && var.availability_zone_count <= 6 && floor(var.availability_zone_count) == var.availability_zone_count
    error_message = "availability_zone_count must be a whole number from 2, which a load balancer needs, to 6."
  }
}

variable "nat_gateway" {
  description = "Whether private subnets reach the internet through a NAT gateway; tasks in them need it to pull images"
  type        = bool
  default     = false
}
