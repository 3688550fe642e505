output "address" {
  description = "Host name of the database"
  value       = aws_db_instance.main.address
}

output "port" {
  description = "Port of the database"
  value       = aws_db_instance.main.port
}

output "name" {
  description = "Name of the database"
  value       = aws_db_instance.main.db_name
}

output "user" {
  description = "Name of the database's user"
  value       = aws_db_instance.main.username
}

output "security_group_id" {
  description = "Security group of the database"
  value       = aws_security_group.main.id
}

output "arn" {
  description = "ARN of the instance"
  value       = aws_db_instance.main.arn
}
