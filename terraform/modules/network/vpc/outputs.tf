output "vpc_id" {
  description = "The VPC"
  value       = aws_vpc.main.id
}

# Waits for the routes, so that nothing starts in a subnet without one.
output "public_subnet_ids" {
  description = "Public subnets with a route to the internet, one in each zone"
  value       = [for subnet in aws_subnet.public : subnet.id]
  depends_on  = [aws_route.internet, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "Private subnets, one in each zone; their only route to the internet is the NAT gateway"
  value       = [for subnet in aws_subnet.private : subnet.id]
  depends_on  = [aws_route.nat, aws_route_table_association.private]
}
