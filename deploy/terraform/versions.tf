terraform {
  required_version = ">= 1.9"

  required_providers {
    # The first that takes nodejs24.x.
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.19, < 7.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4, < 3.0"
    }
  }
}
