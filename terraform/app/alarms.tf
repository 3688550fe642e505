locals {
  load_balancer = { LoadBalancer = module.network.load_balancer_arn_suffix }
  target_group  = merge(local.load_balancer, { TargetGroup = module.network.target_group_arn_suffix })

  alarms = {
    load-balancer-5xx = {
      description = "The load balancer itself answered 5xx because no target accepted the request."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.load_balancer
      statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 5, period = 60, of = 5, out_of = 5, missing = "notBreaching"
    }
    target-5xx = {
      description = "The application answered 5xx."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.target_group
      statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 5, period = 60, of = 2, out_of = 5, missing = "notBreaching"
    }
    unhealthy-hosts = {
      description = "A task of web fails the load balancer's health check."
      namespace   = "AWS/ApplicationELB", metric = "UnHealthyHostCount", dimensions = local.target_group
      statistic   = "Maximum", comparison = "GreaterThanThreshold", threshold = 0, period = 60, of = 5, out_of = 5, missing = "notBreaching"
    }
    # If no task is registered, there is no metric; so a missing metric raises the alarm.
    no-healthy-host = {
      description = "No task of web passes the load balancer's health check: the service is down."
      namespace   = "AWS/ApplicationELB", metric = "HealthyHostCount", dimensions = local.target_group
      statistic   = "Maximum", comparison = "LessThanThreshold", threshold = 1, period = 60, of = 2, out_of = 2, missing = "breaching"
    }
    # ECS does not count restarts. EventBridge counts the tasks that the rule below matches: they ended by themselves.
    restarts = {
      description = "Tasks keep ending by themselves."
      namespace   = "AWS/Events", metric = "TriggeredRules", dimensions = { RuleName = aws_cloudwatch_event_rule.main["restarts"].name }
      statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 3, period = 900, of = 1, out_of = 1, missing = "notBreaching"
    }
  }

  events = {
    restarts = {
      description = "A task of a service ended by itself, or failed its health check."
      type        = "ECS Task State Change"
      detail = {
        clusterArn = [local.cluster_arn]
        group      = [{ prefix = "service:${local.name}-" }]
        lastStatus = ["STOPPED"]
        # Deployments and scaling in also stop tasks, with the code ServiceSchedulerInitiated and another reason.
        "$or" = [
          { stopCode = ["EssentialContainerExited", "TaskFailedToStart"] },
          { stoppedReason = [{ prefix = "Task failed" }] },
        ]
      }
      paths   = { group = "$.detail.group", task = "$.detail.taskArn", code = "$.detail.stopCode", reason = "$.detail.stoppedReason" }
      message = "\"<group>: <reason> (<code>) <task>\""
    }
    deployment-failed = {
      description = "ECS gave up a deployment and rolled back to the one before."
      type        = "ECS Deployment State Change"
      detail      = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
      resources   = [{ prefix = "${replace(local.cluster_arn, ":cluster/", ":service/")}/${local.name}-" }]
      paths       = { service = "$.resources[0]", reason = "$.detail.reason" }
      message     = "\"<service>: <reason>\""
    }
  }
}

resource "aws_sns_topic" "alarms" {
  name = "${local.name}-alarms"
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  # No condition: EventBridge does not publish to a topic whose policy puts a condition on it.
  statement {
    sid       = "Events"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period
  datapoints_to_alarm = each.value.of
  evaluation_periods  = each.value.out_of
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_event_rule" "main" {
  for_each = local.events

  name        = "${local.name}-${each.key}"
  description = each.value.description

  event_pattern = jsonencode(merge(
    { source = ["aws.ecs"], "detail-type" = [each.value.type], detail = each.value.detail },
    can(each.value.resources) ? { resources = each.value.resources } : {},
  ))
}

# These notifications contain the reason, which an alarm does not.
resource "aws_cloudwatch_event_target" "main" {
  for_each = local.events

  rule = aws_cloudwatch_event_rule.main[each.key].name
  arn  = aws_sns_topic.alarms.arn

  input_transformer {
    input_paths    = each.value.paths
    input_template = each.value.message
  }
}
