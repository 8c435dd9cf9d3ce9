data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# Each key is this account's: its IAM policies say who uses it.
data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

# Encrypts the queues, and what is set in the function's environment. Producers need kms:GenerateDataKey and kms:Decrypt.
resource "aws_kms_key" "queue" {
  description         = "${var.name}: queues and function"
  policy              = data.aws_iam_policy_document.key.json
  enable_key_rotation = true
  tags                = var.tags
}

# Unwraps the keyring's token keys. Without it no value gets the token that it had.
resource "aws_kms_key" "token" {
  description         = "${var.name}: token keys"
  policy              = data.aws_iam_policy_document.key.json
  enable_key_rotation = true
  tags                = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

# Opens the vault, and is for people alone: the consumer has its public half, in the keyring. Without it no original is
# recovered any more.
resource "aws_kms_key" "recipient" {
  description              = "${var.name}: recipient of the vault"
  policy                   = data.aws_iam_policy_document.key.json
  key_usage                = "KEY_AGREEMENT"
  customer_master_key_spec = "ECC_NIST_P256"
  tags                     = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "queue" {
  name          = "alias/${var.name}-queue"
  target_key_id = aws_kms_key.queue.key_id
}

resource "aws_kms_alias" "token" {
  name          = "alias/${var.name}-token"
  target_key_id = aws_kms_key.token.key_id
}

resource "aws_kms_alias" "recipient" {
  name          = "alias/${var.name}-recipient"
  target_key_id = aws_kms_key.recipient.key_id
}
