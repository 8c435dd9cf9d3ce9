output "queue_url" {
  description = "SQS_QUEUE_URL of the service."
  value       = aws_sqs_queue.messages.url
}

output "queue_arn" {
  description = "What producers may sqs:SendMessage to."
  value       = aws_sqs_queue.messages.arn
}

output "dead_letter_queue_url" {
  description = "SQS_QUEUE_URL of whoever drains it."
  value       = aws_sqs_queue.dead_letters.url
}

output "queue_key_arn" {
  description = "What producers need kms:GenerateDataKey and kms:Decrypt on."
  value       = aws_kms_key.queue.arn
}

output "token_key_arn" {
  description = "For the keyring's token keys: aws-kms: and this."
  value       = aws_kms_key.token.arn
}

output "recipient_key_arn" {
  description = "For the private keyring's recipient: aws-kms: and this."
  value       = aws_kms_key.recipient.arn
}

output "consumer_role_arn" {
  description = "The role of the service; null without consumer_trust_policy."
  value       = one(aws_iam_role.consumer[*].arn)
}

output "recover_role_arn" {
  description = "The role of the people who run recover; null without recover_trust_policy."
  value       = one(aws_iam_role.recover[*].arn)
}

output "function_arn" {
  description = "The function; null without function_zip."
  value       = one(aws_lambda_function.function[*].arn)
}
