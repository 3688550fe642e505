# The template is the output of manage.py render_pipeline nightly --format asl; a test compares them.
module "nightly" {
  source = "../modules/pipeline"

  name                   = "${local.name}-nightly"
  env_label              = var.env_label
  definition             = file("${path.module}/pipeline_nightly.asl.tpl")
  cluster_name           = local.cluster_name
  task_definition_family = module.job.family
  role_arn               = module.task_role.arn
  execution_role_arn     = module.execution_role.arn
  subnet_ids             = local.task_subnet_ids
  security_group_id      = aws_security_group.ecs_service.id
  assign_public_ip       = local.assign_public_ip
  topic_arn              = aws_sns_topic.alarms.arn
  schedule               = var.nightly
  log_retention_days     = var.log_retention_days
}
