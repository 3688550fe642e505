locals {
  name = "${var.project}-${var.env_label}"

  # Without hyphens, the names of the database and its user need no quotes in PostgreSQL.
  identifier = replace(var.project, "-", "_")
}

resource "aws_db_subnet_group" "main" {
  name       = local.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "main" {
  name        = "${local.name}-database"
  description = "The database of ${local.name}; the services' security group alone reaches it"
  vpc_id      = var.vpc_id

  tags = { Name = "${local.name}-database" }
}

# No egress rule: a database opens no connections.
resource "aws_vpc_security_group_ingress_rule" "services" {
  security_group_id            = aws_security_group.main.id
  description                  = "PostgreSQL from the services"
  referenced_security_group_id = var.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "main" {
  name_prefix = "${local.name}-"
  description = "PostgreSQL of ${local.name}"
  family      = "postgres${split(".", var.engine_version)[0]}"

  # Connections without TLS are refused, so no client can forget it.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # A new major version has a new family, and the old group stays in use until the instance has the new one.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "main" {
  identifier     = local.name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class

  db_name  = local.identifier
  username = local.identifier

  # Write-only: in neither state nor plan, and sent only when the instance is created or the version changes. The
  # provider requires a value beside the version every time; if none is given, it is one that nobody knows.
  password_wo         = var.password == null ? uuid() : var.password
  password_wo_version = var.password_version

  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn
  allocated_storage     = var.allocated_storage
  max_allocated_storage = var.max_allocated_storage

  multi_az               = var.multi_az
  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.main.name
  vpc_security_group_ids = [aws_security_group.main.id]
  parameter_group_name   = aws_db_parameter_group.main.name

  backup_retention_period   = var.backup_retention_days
  copy_tags_to_snapshot     = true
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = var.skip_final_snapshot
  final_snapshot_identifier = var.skip_final_snapshot ? null : coalesce(var.final_snapshot_identifier, "${local.name}-final")

  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = true # happens only with a new engine_version

  lifecycle {
    precondition {
      condition     = var.max_allocated_storage == 0 || var.max_allocated_storage > var.allocated_storage
      error_message = "max_allocated_storage must be more than allocated_storage, or 0 if the storage must not grow."
    }
  }
}
