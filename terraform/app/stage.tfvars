# Like prod, in the account's existing VPC, but smaller.
project             = "adaptivity"
short_project_label = "adapt-"
env_label           = "stage"
region              = "us-east-1"
account_id          = "123456789012"

domain_name         = "adaptivity-stage.example.edu"
hosted_zone         = "example.edu"
ssl_certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000"

vpc_id             = "vpc-0123456789abcdef0"
public_subnet_ids  = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
private_subnet_ids = ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]
private_tasks      = true

app_image   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/adaptivity/app"
nginx_image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/adaptivity/nginx"

web_autoscaling = {
  min        = 1
  max        = 2
  cpu_target = 60
}

schedules = {
  trace-learners = {
    expression = "cron(0 4 * * ? *)"
    timezone   = "America/New_York"
    command    = ["python", "manage.py", "trace_learners"]
  }
}
