locals {
  has_function = var.function_zip != null
  is_in_vpc    = length(var.function_subnet_ids) > 0
}

data "aws_iam_policy_document" "function_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "function" {
  # The event source calls these in the function's name; the function itself calls SQS for nothing.
  statement {
    sid       = "Messages"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.messages.arn]
  }

  statement {
    sid       = "Keys"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.queue.arn, aws_kms_key.token.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for group in aws_cloudwatch_log_group.function : "${group.arn}:*"]
  }

  # Lambda makes the function's network interfaces in its name, and names no resource.
  dynamic "statement" {
    for_each = local.is_in_vpc ? [true] : []

    content {
      sid = "Network"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }

  # Not to the code that runs in the function.
  dynamic "statement" {
    for_each = local.is_in_vpc ? [true] : []

    content {
      sid       = "NoNetwork"
      effect    = "Deny"
      actions   = ["ec2:*"]
      resources = ["*"]

      condition {
        test     = "Null"
        variable = "lambda:SourceFunctionArn"
        values   = ["false"]
      }
    }
  }
}

resource "aws_iam_role" "function" {
  count              = local.has_function ? 1 : 0
  name               = "${var.name}-function"
  assume_role_policy = data.aws_iam_policy_document.function_trust.json
  tags               = var.tags
}

resource "aws_iam_role_policy" "function" {
  count  = local.has_function ? 1 : 0
  name   = "maskline"
  role   = aws_iam_role.function[0].name
  policy = data.aws_iam_policy_document.function.json
}

resource "aws_cloudwatch_log_group" "function" {
  count             = local.has_function ? 1 : 0
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

data "archive_file" "function" {
  count            = local.has_function ? 1 : 0
  type             = "zip"
  output_path      = "${path.root}/.terraform/${var.name}-layer.zip"
  output_file_mode = "0644"

  dynamic "source" {
    for_each = var.function_files

    content {
      filename = source.key
      content  = source.value
    }
  }
}

resource "aws_lambda_layer_version" "function" {
  count            = local.has_function ? 1 : 0
  layer_name       = "${var.name}-configuration"
  filename         = data.archive_file.function[0].output_path
  source_code_hash = data.archive_file.function[0].output_base64sha256
}

resource "aws_lambda_function" "function" {
  count            = local.has_function ? 1 : 0
  function_name    = var.name
  role             = aws_iam_role.function[0].arn
  runtime          = "nodejs24.x"
  architectures    = ["arm64"]
  handler          = "index.handler"
  filename         = var.function_zip
  source_code_hash = filebase64sha256(var.function_zip)
  layers           = [aws_lambda_layer_version.function[0].arn]
  memory_size      = var.function_memory_mb
  timeout          = var.function_timeout_seconds
  kms_key_arn      = aws_kms_key.queue.arn
  tags             = var.tags
  # The role must be able to log and to decrypt before the first sandbox starts.
  depends_on = [aws_iam_role_policy.function, aws_cloudwatch_log_group.function]

  environment {
    variables = merge(
      {
        DATABASE_URL      = var.function_database_url
        MASKLINE_CONTRACT = var.function_contract
        MASKLINE_KEYRING  = "/opt/keyring.json"
        NODE_OPTIONS      = "--disable-sigusr1"
      },
      var.function_environment,
    )
  }

  dynamic "vpc_config" {
    for_each = local.is_in_vpc ? [true] : []

    content {
      subnet_ids         = var.function_subnet_ids
      security_group_ids = var.function_security_group_ids
    }
  }
}

resource "aws_lambda_event_source_mapping" "messages" {
  count                              = local.has_function ? 1 : 0
  event_source_arn                   = aws_sqs_queue.messages.arn
  function_name                      = aws_lambda_function.function[0].arn
  batch_size                         = var.fifo ? min(var.function_batch_size, 10) : var.function_batch_size
  maximum_batching_window_in_seconds = var.fifo ? null : var.function_batching_seconds
  # Without it, Lambda deletes what the function returns as failed.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.function_concurrency
  }
}
