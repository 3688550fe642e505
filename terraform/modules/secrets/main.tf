locals {
  paths = { for name in var.names : name => "/${var.project}/${var.scope}/${name}" }
}

# The parameter is Terraform's, its value is not. A write-only argument reaches AWS once, when the parameter is made, and
# never state or plan; whoever puts the value afterwards makes version 2, which Terraform does not look at.
resource "aws_ssm_parameter" "main" {
  for_each = local.paths

  name        = each.value
  description = "Secret of ${var.scope == "common" ? "all environments" : "the environment ${var.scope}"}; at version 1 it is declared and not set"
  type        = "SecureString"
  key_id      = var.kms_key_id

  value_wo         = "declared, not set"
  value_wo_version = 1
}
