# Two tasks for whatever answers requests, in private subnets of the account's existing VPC; a database with a standby.
project             = "adaptivity"
short_project_label = "adapt-"
env_label           = "prod"
region              = "us-east-1"
account_id          = "123456789012"

domain_name         = "adaptivity.example.edu"
hosted_zone         = "example.edu"
ssl_certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000"

vpc_id             = "vpc-0123456789abcdef0"
public_subnet_ids  = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
private_subnet_ids = ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]
private_tasks      = true

app_image   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/adaptivity/app"
nginx_image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/adaptivity/nginx"

container_insights = "enabled"
log_retention_days = 90
alarm_email        = "adaptivity-alarms@example.edu"

database = {
  instance_class        = "db.t4g.medium"
  allocated_storage     = 50
  max_allocated_storage = 500
  multi_az              = true
  backup_retention_days = 30
}

web_autoscaling = {
  min                 = 2
  max                 = 8
  cpu_target          = 60
  requests_per_target = 3000
}
worker_autoscaling = {
  min        = 2
  max        = 6
  cpu_target = 70
}

schedules = {
  trace-learners = {
    expression = "cron(0 4 * * ? *)"
    timezone   = "America/New_York"
    command    = ["python", "manage.py", "trace_learners"]
  }
}
