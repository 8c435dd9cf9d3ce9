# What each program calls, and nothing else: deploy/test/terraform.test.ts holds these to the calls in the sources.

data "aws_iam_policy_document" "consumer" {
  # The dead-letter queue too: a consumer drains it.
  statement {
    sid = "Messages"
    actions = [
      "sqs:ReceiveMessage",
      "sqs:DeleteMessage",
      "sqs:ChangeMessageVisibility",
      "sqs:GetQueueAttributes",
    ]
    resources = [aws_sqs_queue.messages.arn, aws_sqs_queue.dead_letters.arn]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:GetQueueUrl"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }

  # SQS asks for the queue's key in the name of whoever receives.
  statement {
    sid       = "Keys"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.queue.arn, aws_kms_key.token.arn]
  }
}

data "aws_iam_policy_document" "recover" {
  statement {
    sid       = "TokenKeys"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.token.arn]
  }

  statement {
    sid       = "Vault"
    actions   = ["kms:DeriveSharedSecret"]
    resources = [aws_kms_key.recipient.arn]
  }

  dynamic "statement" {
    for_each = var.checkpoint_bucket_arn[*]

    content {
      sid       = "CheckpointList"
      actions   = ["s3:ListBucketVersions"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.checkpoint_bucket_arn[*]

    content {
      sid = "Checkpoints"
      actions = [
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "s3:PutObjectRetention",
      ]
      resources = ["${statement.value}/*"]
    }
  }
}

resource "aws_iam_role" "consumer" {
  count              = var.consumer_trust_policy == null ? 0 : 1
  name               = "${var.name}-consumer"
  assume_role_policy = var.consumer_trust_policy
  tags               = var.tags
}

resource "aws_iam_role_policy" "consumer" {
  count  = var.consumer_trust_policy == null ? 0 : 1
  name   = "maskline"
  role   = aws_iam_role.consumer[0].name
  policy = data.aws_iam_policy_document.consumer.json
}

resource "aws_iam_role" "recover" {
  count              = var.recover_trust_policy == null ? 0 : 1
  name               = "${var.name}-recover"
  assume_role_policy = var.recover_trust_policy
  tags               = var.tags
}

resource "aws_iam_role_policy" "recover" {
  count  = var.recover_trust_policy == null ? 0 : 1
  name   = "maskline"
  role   = aws_iam_role.recover[0].name
  policy = data.aws_iam_policy_document.recover.json
}
