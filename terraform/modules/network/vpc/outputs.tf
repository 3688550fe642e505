output "vpc_id" {
  description = "The VPC"
  value       = aws_vpc.main.id
}

# With their routes: what is in them is started when they lead somewhere.
output "public_subnet_ids" {
  description = "Subnets with a route to the internet, one a zone"
  value       = [for subnet in aws_subnet.public : subnet.id]
  depends_on  = [aws_route.internet, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "Subnets without one but by the NAT gateway, one a zone"
  value       = [for subnet in aws_subnet.private : subnet.id]
  depends_on  = [aws_route.nat, aws_route_table_association.private]
}
