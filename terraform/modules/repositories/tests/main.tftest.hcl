mock_provider "aws" {}

variables {
  names = ["adaptivity/app", "adaptivity/nginx"]
}

run "immutable_scanned_and_finite" {
  command = plan

  assert {
    condition     = keys(aws_ecr_repository.main) == ["adaptivity/app", "adaptivity/nginx"]
    error_message = "The repositories are ${join(", ", keys(aws_ecr_repository.main))}."
  }

  assert {
    condition = alltrue([
      for repository in aws_ecr_repository.main :
      repository.image_tag_mutability == "IMMUTABLE"
      && repository.image_scanning_configuration[0].scan_on_push
      && !repository.force_delete
      && repository.encryption_configuration[0].encryption_type == "AES256"
    ])
    error_message = "A repository's tags can be overwritten, its images are not scanned, it can be destroyed with images, or it is not encrypted."
  }

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.main["adaptivity/app"].policy).rules :
      [rule.rulePriority, rule.selection.tagStatus, rule.selection.countType, rule.selection.countNumber, rule.action.type]
    ] == [[1, "untagged", "sinceImagePushed", 1, "expire"], [2, "any", "imageCountMoreThan", 50, "expire"]]
    error_message = "The lifecycle policy is ${aws_ecr_lifecycle_policy.main["adaptivity/app"].policy}."
  }
}

run "what_is_refused" {
  command = plan

  variables {
    names       = ["Adaptivity/App"]
    keep_images = 1
  }

  expect_failures = [var.names, var.keep_images]
}
