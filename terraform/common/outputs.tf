output "repository_urls" {
  description = "Repository's name => where images are pushed to and pulled from, without tag"
  value       = module.repositories.repository_urls

  # What is once in an account has one state.
  precondition {
    condition     = terraform.workspace == "default"
    error_message = "The workspace is ${terraform.workspace}. What environments share has one state: terraform workspace select default"
  }
}

output "secrets" {
  description = "Secret's name => path of its parameter"
  value       = module.secrets.paths
}
