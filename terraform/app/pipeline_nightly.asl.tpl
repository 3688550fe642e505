{
  "Comment": "Import new content and evidence, update masteries, export the results, put a better model in force, and report what content lacks.",
  "StartAt": "Until all can be seen",
  "States": {
    "Until all can be seen": {"Type": "Wait", "Seconds": 15, "Next": "Who else runs"},
    "Who else runs": {
      "Type": "Task",
      "Resource": "arn:${partition}:states:::aws-sdk:sfn:listExecutions",
      "Parameters": {"StateMachineArn.$": "$$.StateMachine.Id", "StatusFilter": "RUNNING", "MaxResults": 100},
      "ResultSelector": {"running.$": "$.Executions"},
      "ResultPath": "$.executions",
      "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2.0}],
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Notify of the failure"}],
      "Next": "Which started before"
    },
    "Which started before": {
      "Type": "Map",
      "ItemsPath": "$.executions.running",
      "ItemSelector": {
        "other.$": "$$.Map.Item.Value.ExecutionArn",
        "other_start.$": "$$.Map.Item.Value.StartDate",
        "this.$": "$$.Execution.Id",
        "this_start.$": "$$.Execution.StartTime"
      },
      "ItemProcessor": {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "Did it start before",
        "States": {
          "Did it start before": {
            "Type": "Choice",
            "Choices": [
              {"Variable": "$.other", "StringEqualsPath": "$.this", "Next": "It did not"},
              {"Variable": "$.other_start", "TimestampLessThanPath": "$.this_start", "Next": "It did"},
              {
                "And": [
                  {"Variable": "$.other_start", "TimestampEqualsPath": "$.this_start"},
                  {"Variable": "$.other", "StringLessThanPath": "$.this"}
                ],
                "Next": "It did"
              }
            ],
            "Default": "It did not"
          },
          "It did": {"Type": "Pass", "Result": {"earlier": true}, "End": true},
          "It did not": {"Type": "Pass", "Result": {"earlier": false}, "End": true}
        }
      },
      "ResultSelector": {"earlier.$": "States.ArrayContains($[*].earlier, true)"},
      "ResultPath": "$.executions",
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Notify of the failure"}],
      "Next": "Is it the first"
    },
    "Is it the first": {
      "Type": "Choice",
      "Choices": [{"Variable": "$.executions.earlier", "BooleanEquals": true, "Next": "Another execution is running"}],
      "Default": "Parameters"
    },
    "Another execution is running": {
      "Type": "Pass",
      "Result": {"Error": "AlreadyRunning"},
      "ResultPath": "$.error",
      "Next": "Notify of the failure"
    },
    "Parameters": {
      "Type": "Pass",
      "Parameters": {
        "parameters.$": "States.JsonMerge(States.StringToJson('{\"export_directory\": \"\"}'), $$.Execution.Input, false)",
        "run": {"pipeline": "nightly", "execution.$": "$$.Execution.Name", "started_at.$": "$$.Execution.StartTime"}
      },
      "Next": "Run"
    },
    "Run": {
      "Type": "Parallel",
      "Branches": [
        {
          "StartAt": "scrape",
          "States": {
            "scrape": {
              "Type": "Task",
              "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
              "Parameters": {
                "StateMachineArn": "${step_arn}",
                "Input": {
                  "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                  "run.$": "$.run",
                  "name": "scrape",
                  "command": ["python", "manage.py", "scrape_courses"],
                  "retries": 3,
                  "pause": 30,
                  "timeout": 7200
                }
              },
              "ResultPath": null,
              "Retry": [
                {
                  "ErrorEquals": ["StepFunctions.AWSStepFunctionsException", "StepFunctions.ExecutionLimitExceeded"],
                  "IntervalSeconds": 30,
                  "MaxAttempts": 5,
                  "BackoffRate": 2.0
                }
              ],
              "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.scrape", "Next": "Branch 1 failed"}],
              "Next": "crawl"
            },
            "crawl": {
              "Type": "Task",
              "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
              "Parameters": {
                "StateMachineArn": "${step_arn}",
                "Input": {
                  "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                  "run.$": "$.run",
                  "name": "crawl",
                  "command": ["python", "manage.py", "crawl", "--hours", "12"],
                  "retries": 2,
                  "pause": 30,
                  "timeout": 46800
                }
              },
              "ResultPath": null,
              "Retry": [
                {
                  "ErrorEquals": ["StepFunctions.AWSStepFunctionsException", "StepFunctions.ExecutionLimitExceeded"],
                  "IntervalSeconds": 30,
                  "MaxAttempts": 5,
                  "BackoffRate": 2.0
                }
              ],
              "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.crawl", "Next": "Branch 1 failed"}],
              "Next": "Branch 1 is done"
            },
            "Branch 1 failed": {"Type": "Pass", "Parameters": {"failed": true, "step.$": "$.failed"}, "End": true},
            "Branch 1 is done": {"Type": "Pass", "Result": {"failed": false, "step": ""}, "End": true}
          }
        },
        {
          "StartAt": "import_evidence",
          "States": {
            "import_evidence": {
              "Type": "Task",
              "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
              "Parameters": {
                "StateMachineArn": "${step_arn}",
                "Input": {
                  "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                  "run.$": "$.run",
                  "name": "import_evidence",
                  "command": ["python", "manage.py", "import_evidence", "--inbox"],
                  "retries": 2,
                  "pause": 30,
                  "timeout": 21600
                }
              },
              "ResultPath": null,
              "Retry": [
                {
                  "ErrorEquals": ["StepFunctions.AWSStepFunctionsException", "StepFunctions.ExecutionLimitExceeded"],
                  "IntervalSeconds": 30,
                  "MaxAttempts": 5,
                  "BackoffRate": 2.0
                }
              ],
              "Catch": [
                {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.import_evidence", "Next": "Branch 2 failed"}
              ],
              "Next": "trace"
            },
            "trace": {
              "Type": "Task",
              "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
              "Parameters": {
                "StateMachineArn": "${step_arn}",
                "Input": {
                  "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                  "run.$": "$.run",
                  "name": "trace",
                  "command": ["python", "manage.py", "trace_learners"],
                  "retries": 2,
                  "pause": 30,
                  "timeout": 21600
                }
              },
              "ResultPath": null,
              "Retry": [
                {
                  "ErrorEquals": ["StepFunctions.AWSStepFunctionsException", "StepFunctions.ExecutionLimitExceeded"],
                  "IntervalSeconds": 30,
                  "MaxAttempts": 5,
                  "BackoffRate": 2.0
                }
              ],
              "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.trace", "Next": "Branch 2 failed"}],
              "Next": "Parallel 1"
            },
            "Parallel 1": {
              "Type": "Parallel",
              "Branches": [
                {
                  "StartAt": "estimate",
                  "States": {
                    "estimate": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "estimate",
                          "command": ["python", "manage.py", "estimate", "--continue", "--parameters-only"],
                          "retries": 2,
                          "pause": 30,
                          "timeout": 21600
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.estimate", "Next": "Branch 3 failed"}
                      ],
                      "Next": "evaluate"
                    },
                    "evaluate": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "evaluate",
                          "command": ["python", "manage.py", "estimate", "--report-latest"],
                          "retries": 2,
                          "pause": 30,
                          "timeout": 7200
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.evaluate", "Next": "Branch 3 failed"}
                      ],
                      "Next": "gate"
                    },
                    "gate": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "gate",
                          "command": ["python", "manage.py", "promote", "--latest", "--check"],
                          "retries": 2,
                          "pause": 30,
                          "timeout": 3600
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.gate", "Next": "Branch 3 failed"}
                      ],
                      "Next": "promote"
                    },
                    "promote": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "promote",
                          "command": ["python", "manage.py", "promote", "--latest", "--unless-refused"],
                          "retries": 2,
                          "pause": 30,
                          "timeout": 3600
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.promote", "Next": "Branch 3 failed"}
                      ],
                      "Next": "trace_promoted"
                    },
                    "trace_promoted": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "trace_promoted",
                          "command": ["python", "manage.py", "trace_learners"],
                          "retries": 2,
                          "pause": 30,
                          "timeout": 21600
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": ["States.ALL"],
                          "ResultPath": "$.failed.trace_promoted",
                          "Next": "Branch 3 failed"
                        }
                      ],
                      "Next": "purge_versions"
                    },
                    "purge_versions": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "purge_versions",
                          "command": ["python", "manage.py", "purge_versions"],
                          "retries": 2,
                          "pause": 30,
                          "timeout": 3600
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": ["States.ALL"],
                          "ResultPath": "$.failed.purge_versions",
                          "Next": "Branch 3 failed"
                        }
                      ],
                      "Next": "purge_receipts"
                    },
                    "purge_receipts": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "purge_receipts",
                          "command": ["python", "manage.py", "purge_receipts"],
                          "retries": 2,
                          "pause": 30,
                          "timeout": 7200
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": ["States.ALL"],
                          "ResultPath": "$.failed.purge_receipts",
                          "Next": "Branch 3 failed"
                        }
                      ],
                      "Next": "content_gaps"
                    },
                    "content_gaps": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "content_gaps",
                          "command": ["python", "manage.py", "content_gaps"],
                          "retries": 2,
                          "pause": 30,
                          "timeout": 7200
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": ["States.ALL"],
                          "ResultPath": "$.failed.content_gaps",
                          "Next": "Branch 3 failed"
                        }
                      ],
                      "Next": "Branch 3 is done"
                    },
                    "Branch 3 failed": {
                      "Type": "Pass",
                      "Parameters": {"failed": true, "step.$": "$.failed"},
                      "End": true
                    },
                    "Branch 3 is done": {"Type": "Pass", "Result": {"failed": false, "step": ""}, "End": true}
                  }
                },
                {
                  "StartAt": "export",
                  "States": {
                    "export": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::states:startExecution.sync:2",
                      "Parameters": {
                        "StateMachineArn": "${step_arn}",
                        "Input": {
                          "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                          "run.$": "$.run",
                          "name": "export",
                          "command.$": "States.Array('python', 'manage.py', 'export_evidence', $.parameters.export_directory)",
                          "retries": 2,
                          "pause": 30,
                          "timeout": 7200
                        }
                      },
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceeded"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.export", "Next": "Branch 4 failed"}
                      ],
                      "Next": "Branch 4 is done"
                    },
                    "Branch 4 failed": {
                      "Type": "Pass",
                      "Parameters": {"failed": true, "step.$": "$.failed"},
                      "End": true
                    },
                    "Branch 4 is done": {"Type": "Pass", "Result": {"failed": false, "step": ""}, "End": true}
                  }
                }
              ],
              "ResultSelector": {"failed.$": "States.ArrayContains($[*].failed, true)", "steps.$": "$[*].step"},
              "ResultPath": "$.result",
              "Next": "Parallel 1: did a step fail"
            },
            "Parallel 1: did a step fail": {
              "Type": "Choice",
              "Choices": [{"Variable": "$.result.failed", "BooleanEquals": true, "Next": "Parallel 1: failed"}],
              "Default": "Branch 2 is done"
            },
            "Parallel 1: failed": {
              "Type": "Pass",
              "Parameters": {"failed": true, "step.$": "$.result.steps"},
              "End": true
            },
            "Branch 2 failed": {"Type": "Pass", "Parameters": {"failed": true, "step.$": "$.failed"}, "End": true},
            "Branch 2 is done": {"Type": "Pass", "Result": {"failed": false, "step": ""}, "End": true}
          }
        }
      ],
      "ResultSelector": {"failed.$": "States.ArrayContains($[*].failed, true)", "steps.$": "$[*].step"},
      "ResultPath": "$.result",
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Notify of the failure"}],
      "Next": "Did a step fail"
    },
    "Did a step fail": {
      "Type": "Choice",
      "Choices": [{"Variable": "$.result.failed", "BooleanEquals": true, "Next": "Notify of the failure"}],
      "Default": "Done"
    },
    "Notify of the failure": {
      "Type": "Task",
      "Resource": "arn:${partition}:states:::sns:publish",
      "Parameters": {
        "TopicArn": "${topic_arn}",
        "Subject": "Pipeline nightly failed in ${env_label}",
        "Message.$": "States.Format('Pipeline nightly failed: {} Execution: {}', States.JsonToString($), $$.Execution.Id)"
      },
      "ResultPath": null,
      "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2.0}],
      "Next": "Failed"
    },
    "Failed": {"Type": "Fail", "Error": "PipelineFailed", "Cause": "The notification lists the failed steps."},
    "Done": {"Type": "Succeed"}
  }
}
