# Small and cheap: its own VPC without a NAT gateway, one task for each service, workers on Spot. destroy keeps nothing.
project             = "adaptivity"
short_project_label = "adapt-"
env_label           = "dev"
region              = "us-east-1"
account_id          = "123456789012"

domain_name         = "adaptivity-dev.example.edu"
hosted_zone         = "example.edu"
ssl_certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000"

app_image   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/adaptivity/app"
nginx_image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/adaptivity/nginx"

deletion_protection = false
database = {
  backup_retention_days = 1
  skip_final_snapshot   = true
}
log_retention_days = 7

worker_spot_weight = 100

schedules = {
  # Replays learners whose masteries are stale because tags or priors changed.
  trace-learners = {
    expression = "cron(0 4 * * ? *)"
    timezone   = "America/New_York"
    command    = ["python", "manage.py", "trace_learners"]
  }
}
