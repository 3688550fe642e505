locals {
  paths = { for name in var.names : name => "/${var.project}/${var.scope}/${name}" }
}

# Terraform owns the parameter, but not its value. A write-only argument is sent to AWS once, when the parameter is
# created; it is never in state or plan. Setting the value later creates version 2, which Terraform ignores.
resource "aws_ssm_parameter" "main" {
  for_each = local.paths

  name        = each.value
  description = "Secret of ${var.scope == "common" ? "all environments" : "the environment ${var.scope}"}; at version 1 it is declared and not set"
  type        = "SecureString"
  key_id      = var.kms_key_id

  value_wo         = "declared, not set"
  value_wo_version = 1
}
