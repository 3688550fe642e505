module "repositories" {
  source = "../modules/repositories"

  names        = [for name in var.repositories : "${var.project}/${name}"]
  keep_images  = var.keep_images
  force_delete = var.force_delete
}

module "secrets" {
  source = "../modules/secrets"

  project    = var.project
  scope      = "common"
  names      = var.secrets
  kms_key_id = var.secrets_kms_key_arn
}
