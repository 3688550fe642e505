mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  project   = "adaptivity"
  env_label = "dev"
}

run "two_zones_without_nat" {
  command = apply

  assert {
    condition = (
      { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block } == { eu-west-1a = "10.0.0.0/20", eu-west-1b = "10.0.16.0/20" }
      && { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { eu-west-1a = "10.0.128.0/20", eu-west-1b = "10.0.144.0/20" }
    )
    error_message = "The subnets are not one public and one private in each of the first two zones."
  }

  assert {
    condition = (
      output.public_subnet_ids == [for subnet in aws_subnet.public : subnet.id]
      && output.private_subnet_ids == [for subnet in aws_subnet.private : subnet.id]
      && output.vpc_id == aws_vpc.main.id
    )
    error_message = "The outputs are not those of the resources."
  }

  assert {
    condition = (
      aws_route.internet.route_table_id == aws_route_table.public.id
      && aws_route.internet.gateway_id == aws_internet_gateway.main.id
      && alltrue([for association in aws_route_table_association.private : association.route_table_id == aws_route_table.private.id])
      && alltrue([for association in aws_route_table_association.public : association.route_table_id == aws_route_table.public.id])
    )
    error_message = "Public subnets have a route to the internet, and private ones have none."
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 0 && length(aws_eip.nat) == 0 && length(aws_route.nat) == 0
    error_message = "There is a NAT gateway, which costs money by the hour, although none was requested."
  }

  assert {
    condition     = aws_vpc.main.enable_dns_support && aws_vpc.main.enable_dns_hostnames && aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-west-1.s3"
    error_message = "Names do not resolve in the VPC, or the endpoint of S3 is another region's."
  }
}

run "three_zones_with_nat" {
  command = apply

  variables {
    cidr_block              = "10.20.0.0/20"
    availability_zone_count = 3
    nat_gateway             = true
  }

  assert {
    condition     = [for subnet in aws_subnet.public : subnet.cidr_block] == ["10.20.0.0/24", "10.20.1.0/24", "10.20.2.0/24"]
    error_message = "The blocks are ${join(", ", [for subnet in aws_subnet.public : subnet.cidr_block])}."
  }

  assert {
    condition = (
      aws_nat_gateway.main[0].subnet_id == aws_subnet.public["eu-west-1a"].id
      && aws_route.nat[0].route_table_id == aws_route_table.private.id
      && aws_route.nat[0].nat_gateway_id == aws_nat_gateway.main[0].id
    )
    error_message = "Private subnets do not reach the internet through a NAT gateway in a public one."
  }
}

run "what_is_refused" {
  command = plan

  variables {
    cidr_block              = "10.0.0.0/28"
    availability_zone_count = 1
  }

  expect_failures = [var.cidr_block, var.availability_zone_count]
}
