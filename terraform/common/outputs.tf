output "repository_urls" {
  description = "Repository's name => its URL, without tag"
  value       = module.repositories.repository_urls

  # What an account has only once has only one state.
  precondition {
    condition     = terraform.workspace == "default"
    error_message = "The workspace is ${terraform.workspace}. What all environments share has one state, in the workspace default: terraform workspace select default"
  }
}

output "secrets" {
  description = "Secret's name => path of its parameter"
  value       = module.secrets.paths
}
