resource "aws_cloudwatch_metric_alarm" "oldest_message" {
  alarm_name          = "${var.name}-oldest-message"
  alarm_description   = "The oldest message of the queue is older than it should be: nothing receives, or nothing can be written."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.messages.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_age_seconds
  period              = 60
  evaluation_periods  = 5
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "The dead-letter queue is not empty: docs/operations/drain.md."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 1
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "function" {
  for_each = local.has_function ? {
    Errors    = "Invocations fail as a whole: the function does not start, or crashes. Its log says why."
    Throttles = "Invocations are throttled: the account's concurrency is used up."
  } : {}

  alarm_name          = "${var.name}-function-${lower(each.key)}"
  alarm_description   = each.value
  namespace           = "AWS/Lambda"
  metric_name         = each.key
  dimensions          = { FunctionName = aws_lambda_function.function[0].function_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# Of the line that each invocation logs at its end.
locals {
  counted = local.has_function ? ["written", "quarantined", "duplicates", "failed"] : []
}

resource "aws_cloudwatch_log_metric_filter" "invocation" {
  for_each       = toset(local.counted)
  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.function[0].name
  pattern        = "{ $.msg = \"invocation done\" }"

  metric_transformation {
    namespace = "Maskline/${var.name}"
    name      = each.key
    value     = "$.${each.key}"
  }
}

resource "aws_cloudwatch_metric_alarm" "quarantined" {
  count               = local.has_function ? 1 : 0
  alarm_name          = "${var.name}-quarantined"
  alarm_description   = "Many messages are quarantined: a producer changed, or somebody else sends. The log says the reasons."
  namespace           = "Maskline/${var.name}"
  metric_name         = "quarantined"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_quarantined
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
