locals {
  suffix = var.fifo ? ".fifo" : ""
  # The longest that SQS keeps a message.
  retention_seconds = 1209600
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters${local.suffix}"
  fifo_queue                = var.fifo
  message_retention_seconds = local.retention_seconds
  # Whoever drains it receives as from the queue itself.
  visibility_timeout_seconds = var.visibility_timeout_seconds
  kms_master_key_id          = aws_kms_key.queue.arn
  tags                       = var.tags
}

resource "aws_sqs_queue" "messages" {
  name                       = "${var.name}${local.suffix}"
  fifo_queue                 = var.fifo
  message_retention_seconds  = local.retention_seconds
  visibility_timeout_seconds = var.visibility_timeout_seconds
  receive_wait_time_seconds  = 20
  kms_master_key_id          = aws_kms_key.queue.arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.messages.arn]
  })
}

data "aws_iam_policy_document" "tls_only" {
  for_each = {
    messages     = aws_sqs_queue.messages
    dead_letters = aws_sqs_queue.dead_letters
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "messages" {
  queue_url = aws_sqs_queue.messages.id
  policy    = data.aws_iam_policy_document.tls_only["messages"].json
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id
  policy    = data.aws_iam_policy_document.tls_only["dead_letters"].json
}
