variable "name" {
  description = "What everything here is named by; the queue of a FIFO has .fifo behind it."
  type        = string
  default     = "maskline"
}

variable "tags" {
  description = "Tags of everything here."
  type        = map(string)
  default     = {}
}

variable "fifo" {
  description = "Whether the queues are FIFO. Their producers then give each message a group and a deduplication id."
  type        = bool
  default     = false
}

variable "visibility_timeout_seconds" {
  description = "How long a received message stays hidden; at least six times function_timeout_seconds where there is a function. The service renews it at half."
  type        = number
  default     = 180

  validation {
    condition     = var.function_zip == null || var.visibility_timeout_seconds >= 6 * var.function_timeout_seconds
    error_message = "visibility_timeout_seconds is less than six times function_timeout_seconds."
  }
}

variable "max_receive_count" {
  description = "Receives after which a message goes to the dead-letter queue. Restarts and lost responses count too."
  type        = number
  default     = 10
}

variable "consumer_trust_policy" {
  description = "Who may take the role of the service: the JSON of an assume-role policy, of EKS Pod Identity for example. Null: no role."
  type        = string
  default     = null
}

variable "recover_trust_policy" {
  description = "Who may take the role of the people who run recover: the JSON of an assume-role policy. Null: no role."
  type        = string
  default     = null
}

variable "checkpoint_bucket_arn" {
  description = "The bucket with object lock that the recover keyring names for checkpoints. Null: none."
  type        = string
  default     = null
}

variable "function_zip" {
  description = "Path of dist/lambda.zip, which `pnpm --filter consumer build` makes. Null: the service consumes, and there is no function."
  type        = string
  default     = null
}

variable "function_files" {
  description = "What the function finds in /opt, by name: keyring.json, a contract of one's own, ca.pem. None may hold a secret: the keyring refers to its token keys by aws-kms."
  type        = map(string)
  default     = {}

  validation {
    condition     = var.function_zip == null || contains(keys(var.function_files), "keyring.json")
    error_message = "function_files has no keyring.json."
  }
}

variable "function_contract" {
  description = "MASKLINE_CONTRACT: the name of a contract that is shipped, or /opt/ and the name of one among function_files."
  type        = string
  default     = "login"
}

variable "function_database_url" {
  description = "DATABASE_URL of a login in maskline_writer. It stands in Terraform's state and, encrypted, in the function's configuration."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.function_zip == null || var.function_database_url != null
    error_message = "function_database_url is not set."
  }
}

variable "function_environment" {
  description = "More settings of the function, as docs/lambda.md lists them."
  type        = map(string)
  default     = {}
}

variable "function_memory_mb" {
  description = "Memory of the function; its share of a processor grows with it."
  type        = number
  default     = 1024
}

variable "function_timeout_seconds" {
  description = "Longest invocation. A second before, it returns what is not durable."
  type        = number
  default     = 30
}

variable "function_concurrency" {
  description = "Most invocations at once (2 to 1000): each holds a connection to the database, or two."
  type        = number
  default     = 8
}

variable "function_batch_size" {
  description = "Most messages an invocation: up to 10000, of FIFO queues up to 10. An event has at most 6 MB."
  type        = number
  default     = 1000
}

variable "function_batching_seconds" {
  description = "How long an event waits to become full: 1 or more where function_batch_size is above 10; of no use to FIFO queues."
  type        = number
  default     = 1
}

variable "function_subnet_ids" {
  description = "Subnets from which the function reaches the database, and KMS by a VPC endpoint or NAT. Empty: no VPC."
  type        = list(string)
  default     = []
}

variable "function_security_group_ids" {
  description = "Security groups of the function in its subnets."
  type        = list(string)
  default     = []
}

variable "log_retention_days" {
  description = "How long the function's log is kept."
  type        = number
  default     = 90
}

variable "alarm_actions" {
  description = "ARNs that alarms are sent to: SNS topics."
  type        = list(string)
  default     = []
}

variable "alarm_age_seconds" {
  description = "Age of the oldest message from which on there is an alarm."
  type        = number
  default     = 600
}

variable "alarm_quarantined" {
  description = "Messages quarantined in five minutes, more than which are an alarm."
  type        = number
  default     = 100
}
