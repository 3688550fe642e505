{
  "Comment": "New content and new evidence in, masteries brought up, what came of it out, a better model in force, and what content lacks.",
  "StartAt": "Until all can be seen",
  "States": {
    "Until all can be seen": {
      "Type": "Wait",
      "Seconds": 15,
      "Next": "Who else runs"
    },
    "Who else runs": {
      "Type": "Task",
      "Resource": "arn:${partition}:states:::aws-sdk:sfn:listExecutions",
      "Parameters": {
        "StateMachineArn.$": "$$.StateMachine.Id",
        "StatusFilter": "RUNNING",
        "MaxResults": 100
      },
      "ResultSelector": {
        "running.$": "$.Executions"
      },
      "ResultPath": "$.executions",
      "Retry": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "IntervalSeconds": 5,
          "MaxAttempts": 3,
          "BackoffRate": 2.0
        }
      ],
      "Catch": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "ResultPath": "$.error",
          "Next": "Notify of the failure"
        }
      ],
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
        "ProcessorConfig": {
          "Mode": "INLINE"
        },
        "StartAt": "Did it start before",
        "States": {
          "Did it start before": {
            "Type": "Choice",
            "Choices": [
              {
                "Variable": "$.other",
                "StringEqualsPath": "$.this",
                "Next": "It did not"
              },
              {
                "Variable": "$.other_start",
                "TimestampLessThanPath": "$.this_start",
                "Next": "It did"
              },
              {
                "And": [
                  {
                    "Variable": "$.other_start",
                    "TimestampEqualsPath": "$.this_start"
                  },
                  {
                    "Variable": "$.other",
                    "StringLessThanPath": "$.this"
                  }
                ],
                "Next": "It did"
              }
            ],
            "Default": "It did not"
          },
          "It did": {
            "Type": "Pass",
            "Result": {
              "earlier": true
            },
            "End": true
          },
          "It did not": {
            "Type": "Pass",
            "Result": {
              "earlier": false
            },
            "End": true
          }
        }
      },
      "ResultSelector": {
        "earlier.$": "States.ArrayContains($[*].earlier, true)"
      },
      "ResultPath": "$.executions",
      "Catch": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "ResultPath": "$.error",
          "Next": "Notify of the failure"
        }
      ],
      "Next": "Is it the first"
    },
    "Is it the first": {
      "Type": "Choice",
      "Choices": [
        {
          "Variable": "$.executions.earlier",
          "BooleanEquals": true,
          "Next": "Another execution is running"
        }
      ],
      "Default": "Parameters"
    },
    "Another execution is running": {
      "Type": "Pass",
      "Result": {
        "Error": "AlreadyRunning"
      },
      "ResultPath": "$.error",
      "Next": "Notify of the failure"
    },
    "Parameters": {
      "Type": "Pass",
      "Parameters": {
        "parameters.$": "States.JsonMerge(States.StringToJson('{\"export_directory\": \"\"}'), $$.Execution.Input, false)"
      },
      "Next": "Run"
    },
    "Run": {
      "Type": "Parallel",
      "Branches": [
        {
          "StartAt": "scrape: begin",
          "States": {
            "scrape: begin": {
              "Type": "Pass",
              "Result": {
                "number": 1,
                "seconds": 30
              },
              "ResultPath": "$.attempt",
              "Next": "scrape"
            },
            "scrape": {
              "Type": "Task",
              "Resource": "arn:${partition}:states:::ecs:runTask.sync",
              "Parameters": {
                "Cluster": "${cluster_arn}",
                "TaskDefinition": "${task_definition_family}",
                "LaunchType": "FARGATE",
                "PropagateTags": "TASK_DEFINITION",
                "NetworkConfiguration": {
                  "AwsvpcConfiguration": {
                    "Subnets": ${jsonencode(subnet_ids)},
                    "SecurityGroups": [
                      "${security_group_id}"
                    ],
                    "AssignPublicIp": "${assign_public_ip}"
                  }
                },
                "Overrides": {
                  "ContainerOverrides": [
                    {
                      "Name": "${container_name}",
                      "Command": [
                        "python",
                        "manage.py",
                        "scrape_courses"
                      ],
                      "Environment": [
                        {
                          "Name": "JOB_STARTED_BY",
                          "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                        },
                        {
                          "Name": "JOB_RUN_STARTED_AT",
                          "Value.$": "$$.Execution.StartTime"
                        }
                      ]
                    }
                  ]
                }
              },
              "TimeoutSeconds": 7200,
              "ResultPath": null,
              "Retry": [
                {
                  "ErrorEquals": [
                    "ECS.AmazonECSException",
                    "ECS.ServerException",
                    "ECS.ThrottlingException",
                    "AmazonECS.Unknown"
                  ],
                  "IntervalSeconds": 30,
                  "MaxAttempts": 5,
                  "BackoffRate": 2.0
                }
              ],
              "Catch": [
                {
                  "ErrorEquals": [
                    "States.TaskFailed"
                  ],
                  "ResultPath": "$.error",
                  "Next": "scrape: error"
                },
                {
                  "ErrorEquals": [
                    "States.ALL"
                  ],
                  "ResultPath": "$.error",
                  "Next": "scrape: failed"
                }
              ],
              "Next": "crawl: begin"
            },
            "scrape: error": {
              "Type": "Choice",
              "Choices": [
                {
                  "And": [
                    {
                      "Variable": "$.error.Error",
                      "StringEquals": "States.TaskFailed"
                    },
                    {
                      "Variable": "$.error.Cause",
                      "StringMatches": "{*}"
                    }
                  ],
                  "Next": "scrape: ended"
                }
              ],
              "Default": "scrape: failed"
            },
            "scrape: ended": {
              "Type": "Pass",
              "Parameters": {
                "task.$": "States.StringToJson($.error.Cause)"
              },
              "ResultPath": "$.ended",
              "Next": "scrape: exit code"
            },
            "scrape: exit code": {
              "Type": "Choice",
              "Choices": [
                {
                  "And": [
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 3
                    }
                  ],
                  "Next": "crawl: begin"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 3
                    },
                    {
                      "Not": {
                        "Variable": "$.ended.task.Containers[0].ExitCode",
                        "IsPresent": true
                      }
                    }
                  ],
                  "Next": "scrape: pause"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 3
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 1
                    }
                  ],
                  "Next": "scrape: pause"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 3
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 75
                    }
                  ],
                  "Next": "scrape: pause"
                }
              ],
              "Default": "scrape: failed"
            },
            "scrape: failed": {
              "Type": "Pass",
              "Result": {
                "failed": true,
                "step": "scrape"
              },
              "End": true
            },
            "scrape: pause": {
              "Type": "Wait",
              "SecondsPath": "$.attempt.seconds",
              "Next": "scrape: again"
            },
            "scrape: again": {
              "Type": "Pass",
              "Parameters": {
                "number.$": "States.MathAdd($.attempt.number, 1)",
                "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
              },
              "ResultPath": "$.attempt",
              "Next": "scrape"
            },
            "crawl: begin": {
              "Type": "Pass",
              "Result": {
                "number": 1,
                "seconds": 30
              },
              "ResultPath": "$.attempt",
              "Next": "crawl"
            },
            "crawl": {
              "Type": "Task",
              "Resource": "arn:${partition}:states:::ecs:runTask.sync",
              "Parameters": {
                "Cluster": "${cluster_arn}",
                "TaskDefinition": "${task_definition_family}",
                "LaunchType": "FARGATE",
                "PropagateTags": "TASK_DEFINITION",
                "NetworkConfiguration": {
                  "AwsvpcConfiguration": {
                    "Subnets": ${jsonencode(subnet_ids)},
                    "SecurityGroups": [
                      "${security_group_id}"
                    ],
                    "AssignPublicIp": "${assign_public_ip}"
                  }
                },
                "Overrides": {
                  "ContainerOverrides": [
                    {
                      "Name": "${container_name}",
                      "Command": [
                        "python",
                        "manage.py",
                        "crawl",
                        "--hours",
                        "12"
                      ],
                      "Environment": [
                        {
                          "Name": "JOB_STARTED_BY",
                          "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                        },
                        {
                          "Name": "JOB_RUN_STARTED_AT",
                          "Value.$": "$$.Execution.StartTime"
                        }
                      ]
                    }
                  ]
                }
              },
              "TimeoutSeconds": 46800,
              "ResultPath": null,
              "Retry": [
                {
                  "ErrorEquals": [
                    "ECS.AmazonECSException",
                    "ECS.ServerException",
                    "ECS.ThrottlingException",
                    "AmazonECS.Unknown"
                  ],
                  "IntervalSeconds": 30,
                  "MaxAttempts": 5,
                  "BackoffRate": 2.0
                }
              ],
              "Catch": [
                {
                  "ErrorEquals": [
                    "States.TaskFailed"
                  ],
                  "ResultPath": "$.error",
                  "Next": "crawl: error"
                },
                {
                  "ErrorEquals": [
                    "States.ALL"
                  ],
                  "ResultPath": "$.error",
                  "Next": "crawl: failed"
                }
              ],
              "Next": "Branch 1 is done"
            },
            "crawl: error": {
              "Type": "Choice",
              "Choices": [
                {
                  "And": [
                    {
                      "Variable": "$.error.Error",
                      "StringEquals": "States.TaskFailed"
                    },
                    {
                      "Variable": "$.error.Cause",
                      "StringMatches": "{*}"
                    }
                  ],
                  "Next": "crawl: ended"
                }
              ],
              "Default": "crawl: failed"
            },
            "crawl: ended": {
              "Type": "Pass",
              "Parameters": {
                "task.$": "States.StringToJson($.error.Cause)"
              },
              "ResultPath": "$.ended",
              "Next": "crawl: exit code"
            },
            "crawl: exit code": {
              "Type": "Choice",
              "Choices": [
                {
                  "And": [
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 3
                    }
                  ],
                  "Next": "Branch 1 is done"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Not": {
                        "Variable": "$.ended.task.Containers[0].ExitCode",
                        "IsPresent": true
                      }
                    }
                  ],
                  "Next": "crawl: pause"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 1
                    }
                  ],
                  "Next": "crawl: pause"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 75
                    }
                  ],
                  "Next": "crawl: pause"
                }
              ],
              "Default": "crawl: failed"
            },
            "crawl: failed": {
              "Type": "Pass",
              "Result": {
                "failed": true,
                "step": "crawl"
              },
              "End": true
            },
            "crawl: pause": {
              "Type": "Wait",
              "SecondsPath": "$.attempt.seconds",
              "Next": "crawl: again"
            },
            "crawl: again": {
              "Type": "Pass",
              "Parameters": {
                "number.$": "States.MathAdd($.attempt.number, 1)",
                "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
              },
              "ResultPath": "$.attempt",
              "Next": "crawl"
            },
            "Branch 1 is done": {
              "Type": "Pass",
              "Result": {
                "failed": false,
                "step": ""
              },
              "End": true
            }
          }
        },
        {
          "StartAt": "import_evidence: begin",
          "States": {
            "import_evidence: begin": {
              "Type": "Pass",
              "Result": {
                "number": 1,
                "seconds": 30
              },
              "ResultPath": "$.attempt",
              "Next": "import_evidence"
            },
            "import_evidence": {
              "Type": "Task",
              "Resource": "arn:${partition}:states:::ecs:runTask.sync",
              "Parameters": {
                "Cluster": "${cluster_arn}",
                "TaskDefinition": "${task_definition_family}",
                "LaunchType": "FARGATE",
                "PropagateTags": "TASK_DEFINITION",
                "NetworkConfiguration": {
                  "AwsvpcConfiguration": {
                    "Subnets": ${jsonencode(subnet_ids)},
                    "SecurityGroups": [
                      "${security_group_id}"
                    ],
                    "AssignPublicIp": "${assign_public_ip}"
                  }
                },
                "Overrides": {
                  "ContainerOverrides": [
                    {
                      "Name": "${container_name}",
                      "Command": [
                        "python",
                        "manage.py",
                        "import_evidence",
                        "--inbox"
                      ],
                      "Environment": [
                        {
                          "Name": "JOB_STARTED_BY",
                          "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                        },
                        {
                          "Name": "JOB_RUN_STARTED_AT",
                          "Value.$": "$$.Execution.StartTime"
                        }
                      ]
                    }
                  ]
                }
              },
              "TimeoutSeconds": 21600,
              "ResultPath": null,
              "Retry": [
                {
                  "ErrorEquals": [
                    "ECS.AmazonECSException",
                    "ECS.ServerException",
                    "ECS.ThrottlingException",
                    "AmazonECS.Unknown"
                  ],
                  "IntervalSeconds": 30,
                  "MaxAttempts": 5,
                  "BackoffRate": 2.0
                }
              ],
              "Catch": [
                {
                  "ErrorEquals": [
                    "States.TaskFailed"
                  ],
                  "ResultPath": "$.error",
                  "Next": "import_evidence: error"
                },
                {
                  "ErrorEquals": [
                    "States.ALL"
                  ],
                  "ResultPath": "$.error",
                  "Next": "import_evidence: failed"
                }
              ],
              "Next": "trace: begin"
            },
            "import_evidence: error": {
              "Type": "Choice",
              "Choices": [
                {
                  "And": [
                    {
                      "Variable": "$.error.Error",
                      "StringEquals": "States.TaskFailed"
                    },
                    {
                      "Variable": "$.error.Cause",
                      "StringMatches": "{*}"
                    }
                  ],
                  "Next": "import_evidence: ended"
                }
              ],
              "Default": "import_evidence: failed"
            },
            "import_evidence: ended": {
              "Type": "Pass",
              "Parameters": {
                "task.$": "States.StringToJson($.error.Cause)"
              },
              "ResultPath": "$.ended",
              "Next": "import_evidence: exit code"
            },
            "import_evidence: exit code": {
              "Type": "Choice",
              "Choices": [
                {
                  "And": [
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 3
                    }
                  ],
                  "Next": "trace: begin"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Not": {
                        "Variable": "$.ended.task.Containers[0].ExitCode",
                        "IsPresent": true
                      }
                    }
                  ],
                  "Next": "import_evidence: pause"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 1
                    }
                  ],
                  "Next": "import_evidence: pause"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 75
                    }
                  ],
                  "Next": "import_evidence: pause"
                }
              ],
              "Default": "import_evidence: failed"
            },
            "import_evidence: failed": {
              "Type": "Pass",
              "Result": {
                "failed": true,
                "step": "import_evidence"
              },
              "End": true
            },
            "import_evidence: pause": {
              "Type": "Wait",
              "SecondsPath": "$.attempt.seconds",
              "Next": "import_evidence: again"
            },
            "import_evidence: again": {
              "Type": "Pass",
              "Parameters": {
                "number.$": "States.MathAdd($.attempt.number, 1)",
                "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
              },
              "ResultPath": "$.attempt",
              "Next": "import_evidence"
            },
            "trace: begin": {
              "Type": "Pass",
              "Result": {
                "number": 1,
                "seconds": 30
              },
              "ResultPath": "$.attempt",
              "Next": "trace"
            },
            "trace": {
              "Type": "Task",
              "Resource": "arn:${partition}:states:::ecs:runTask.sync",
              "Parameters": {
                "Cluster": "${cluster_arn}",
                "TaskDefinition": "${task_definition_family}",
                "LaunchType": "FARGATE",
                "PropagateTags": "TASK_DEFINITION",
                "NetworkConfiguration": {
                  "AwsvpcConfiguration": {
                    "Subnets": ${jsonencode(subnet_ids)},
                    "SecurityGroups": [
                      "${security_group_id}"
                    ],
                    "AssignPublicIp": "${assign_public_ip}"
                  }
                },
                "Overrides": {
                  "ContainerOverrides": [
                    {
                      "Name": "${container_name}",
                      "Command": [
                        "python",
                        "manage.py",
                        "trace_learners"
                      ],
                      "Environment": [
                        {
                          "Name": "JOB_STARTED_BY",
                          "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                        },
                        {
                          "Name": "JOB_RUN_STARTED_AT",
                          "Value.$": "$$.Execution.StartTime"
                        }
                      ]
                    }
                  ]
                }
              },
              "TimeoutSeconds": 21600,
              "ResultPath": null,
              "Retry": [
                {
                  "ErrorEquals": [
                    "ECS.AmazonECSException",
                    "ECS.ServerException",
                    "ECS.ThrottlingException",
                    "AmazonECS.Unknown"
                  ],
                  "IntervalSeconds": 30,
                  "MaxAttempts": 5,
                  "BackoffRate": 2.0
                }
              ],
              "Catch": [
                {
                  "ErrorEquals": [
                    "States.TaskFailed"
                  ],
                  "ResultPath": "$.error",
                  "Next": "trace: error"
                },
                {
                  "ErrorEquals": [
                    "States.ALL"
                  ],
                  "ResultPath": "$.error",
                  "Next": "trace: failed"
                }
              ],
              "Next": "Parallel 1"
            },
            "trace: error": {
              "Type": "Choice",
              "Choices": [
                {
                  "And": [
                    {
                      "Variable": "$.error.Error",
                      "StringEquals": "States.TaskFailed"
                    },
                    {
                      "Variable": "$.error.Cause",
                      "StringMatches": "{*}"
                    }
                  ],
                  "Next": "trace: ended"
                }
              ],
              "Default": "trace: failed"
            },
            "trace: ended": {
              "Type": "Pass",
              "Parameters": {
                "task.$": "States.StringToJson($.error.Cause)"
              },
              "ResultPath": "$.ended",
              "Next": "trace: exit code"
            },
            "trace: exit code": {
              "Type": "Choice",
              "Choices": [
                {
                  "And": [
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 3
                    }
                  ],
                  "Next": "Parallel 1"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Not": {
                        "Variable": "$.ended.task.Containers[0].ExitCode",
                        "IsPresent": true
                      }
                    }
                  ],
                  "Next": "trace: pause"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 1
                    }
                  ],
                  "Next": "trace: pause"
                },
                {
                  "And": [
                    {
                      "Variable": "$.attempt.number",
                      "NumericLessThanEquals": 2
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "IsPresent": true
                    },
                    {
                      "Variable": "$.ended.task.Containers[0].ExitCode",
                      "NumericEquals": 75
                    }
                  ],
                  "Next": "trace: pause"
                }
              ],
              "Default": "trace: failed"
            },
            "trace: failed": {
              "Type": "Pass",
              "Result": {
                "failed": true,
                "step": "trace"
              },
              "End": true
            },
            "trace: pause": {
              "Type": "Wait",
              "SecondsPath": "$.attempt.seconds",
              "Next": "trace: again"
            },
            "trace: again": {
              "Type": "Pass",
              "Parameters": {
                "number.$": "States.MathAdd($.attempt.number, 1)",
                "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
              },
              "ResultPath": "$.attempt",
              "Next": "trace"
            },
            "Parallel 1": {
              "Type": "Parallel",
              "Branches": [
                {
                  "StartAt": "estimate: begin",
                  "States": {
                    "estimate: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "estimate"
                    },
                    "estimate": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command": [
                                "python",
                                "manage.py",
                                "estimate",
                                "--continue",
                                "--parameters-only"
                              ],
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 21600,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "estimate: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "estimate: failed"
                        }
                      ],
                      "Next": "evaluate: begin"
                    },
                    "estimate: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "estimate: ended"
                        }
                      ],
                      "Default": "estimate: failed"
                    },
                    "estimate: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "estimate: exit code"
                    },
                    "estimate: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "evaluate: begin"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "estimate: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "estimate: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "estimate: pause"
                        }
                      ],
                      "Default": "estimate: failed"
                    },
                    "estimate: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "estimate"
                      },
                      "End": true
                    },
                    "estimate: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "estimate: again"
                    },
                    "estimate: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "estimate"
                    },
                    "evaluate: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "evaluate"
                    },
                    "evaluate": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command": [
                                "python",
                                "manage.py",
                                "estimate",
                                "--report-latest"
                              ],
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 7200,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "evaluate: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "evaluate: failed"
                        }
                      ],
                      "Next": "gate: begin"
                    },
                    "evaluate: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "evaluate: ended"
                        }
                      ],
                      "Default": "evaluate: failed"
                    },
                    "evaluate: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "evaluate: exit code"
                    },
                    "evaluate: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "gate: begin"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "evaluate: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "evaluate: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "evaluate: pause"
                        }
                      ],
                      "Default": "evaluate: failed"
                    },
                    "evaluate: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "evaluate"
                      },
                      "End": true
                    },
                    "evaluate: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "evaluate: again"
                    },
                    "evaluate: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "evaluate"
                    },
                    "gate: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "gate"
                    },
                    "gate": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command": [
                                "python",
                                "manage.py",
                                "promote",
                                "--latest",
                                "--check"
                              ],
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 3600,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "gate: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "gate: failed"
                        }
                      ],
                      "Next": "promote: begin"
                    },
                    "gate: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "gate: ended"
                        }
                      ],
                      "Default": "gate: failed"
                    },
                    "gate: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "gate: exit code"
                    },
                    "gate: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "promote: begin"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "gate: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "gate: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "gate: pause"
                        }
                      ],
                      "Default": "gate: failed"
                    },
                    "gate: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "gate"
                      },
                      "End": true
                    },
                    "gate: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "gate: again"
                    },
                    "gate: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "gate"
                    },
                    "promote: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "promote"
                    },
                    "promote": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command": [
                                "python",
                                "manage.py",
                                "promote",
                                "--latest",
                                "--unless-refused"
                              ],
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 3600,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "promote: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "promote: failed"
                        }
                      ],
                      "Next": "trace_promoted: begin"
                    },
                    "promote: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "promote: ended"
                        }
                      ],
                      "Default": "promote: failed"
                    },
                    "promote: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "promote: exit code"
                    },
                    "promote: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "trace_promoted: begin"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "promote: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "promote: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "promote: pause"
                        }
                      ],
                      "Default": "promote: failed"
                    },
                    "promote: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "promote"
                      },
                      "End": true
                    },
                    "promote: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "promote: again"
                    },
                    "promote: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "promote"
                    },
                    "trace_promoted: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "trace_promoted"
                    },
                    "trace_promoted": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command": [
                                "python",
                                "manage.py",
                                "trace_learners"
                              ],
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 21600,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "trace_promoted: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "trace_promoted: failed"
                        }
                      ],
                      "Next": "purge_versions: begin"
                    },
                    "trace_promoted: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "trace_promoted: ended"
                        }
                      ],
                      "Default": "trace_promoted: failed"
                    },
                    "trace_promoted: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "trace_promoted: exit code"
                    },
                    "trace_promoted: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "purge_versions: begin"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "trace_promoted: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "trace_promoted: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "trace_promoted: pause"
                        }
                      ],
                      "Default": "trace_promoted: failed"
                    },
                    "trace_promoted: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "trace_promoted"
                      },
                      "End": true
                    },
                    "trace_promoted: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "trace_promoted: again"
                    },
                    "trace_promoted: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "trace_promoted"
                    },
                    "purge_versions: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "purge_versions"
                    },
                    "purge_versions": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command": [
                                "python",
                                "manage.py",
                                "purge_versions"
                              ],
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 3600,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "purge_versions: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "purge_versions: failed"
                        }
                      ],
                      "Next": "purge_receipts: begin"
                    },
                    "purge_versions: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "purge_versions: ended"
                        }
                      ],
                      "Default": "purge_versions: failed"
                    },
                    "purge_versions: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "purge_versions: exit code"
                    },
                    "purge_versions: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "purge_receipts: begin"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "purge_versions: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "purge_versions: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "purge_versions: pause"
                        }
                      ],
                      "Default": "purge_versions: failed"
                    },
                    "purge_versions: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "purge_versions"
                      },
                      "End": true
                    },
                    "purge_versions: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "purge_versions: again"
                    },
                    "purge_versions: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "purge_versions"
                    },
                    "purge_receipts: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "purge_receipts"
                    },
                    "purge_receipts": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command": [
                                "python",
                                "manage.py",
                                "purge_receipts"
                              ],
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 7200,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "purge_receipts: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "purge_receipts: failed"
                        }
                      ],
                      "Next": "content_gaps: begin"
                    },
                    "purge_receipts: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "purge_receipts: ended"
                        }
                      ],
                      "Default": "purge_receipts: failed"
                    },
                    "purge_receipts: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "purge_receipts: exit code"
                    },
                    "purge_receipts: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "content_gaps: begin"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "purge_receipts: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "purge_receipts: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "purge_receipts: pause"
                        }
                      ],
                      "Default": "purge_receipts: failed"
                    },
                    "purge_receipts: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "purge_receipts"
                      },
                      "End": true
                    },
                    "purge_receipts: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "purge_receipts: again"
                    },
                    "purge_receipts: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "purge_receipts"
                    },
                    "content_gaps: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "content_gaps"
                    },
                    "content_gaps": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command": [
                                "python",
                                "manage.py",
                                "content_gaps"
                              ],
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 7200,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "content_gaps: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "content_gaps: failed"
                        }
                      ],
                      "Next": "Branch 3 is done"
                    },
                    "content_gaps: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "content_gaps: ended"
                        }
                      ],
                      "Default": "content_gaps: failed"
                    },
                    "content_gaps: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "content_gaps: exit code"
                    },
                    "content_gaps: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "Branch 3 is done"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "content_gaps: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "content_gaps: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "content_gaps: pause"
                        }
                      ],
                      "Default": "content_gaps: failed"
                    },
                    "content_gaps: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "content_gaps"
                      },
                      "End": true
                    },
                    "content_gaps: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "content_gaps: again"
                    },
                    "content_gaps: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "content_gaps"
                    },
                    "Branch 3 is done": {
                      "Type": "Pass",
                      "Result": {
                        "failed": false,
                        "step": ""
                      },
                      "End": true
                    }
                  }
                },
                {
                  "StartAt": "export: begin",
                  "States": {
                    "export: begin": {
                      "Type": "Pass",
                      "Result": {
                        "number": 1,
                        "seconds": 30
                      },
                      "ResultPath": "$.attempt",
                      "Next": "export"
                    },
                    "export": {
                      "Type": "Task",
                      "Resource": "arn:${partition}:states:::ecs:runTask.sync",
                      "Parameters": {
                        "Cluster": "${cluster_arn}",
                        "TaskDefinition": "${task_definition_family}",
                        "LaunchType": "FARGATE",
                        "PropagateTags": "TASK_DEFINITION",
                        "NetworkConfiguration": {
                          "AwsvpcConfiguration": {
                            "Subnets": ${jsonencode(subnet_ids)},
                            "SecurityGroups": [
                              "${security_group_id}"
                            ],
                            "AssignPublicIp": "${assign_public_ip}"
                          }
                        },
                        "Overrides": {
                          "ContainerOverrides": [
                            {
                              "Name": "${container_name}",
                              "Command.$": "States.Array('python', 'manage.py', 'export_evidence', $.parameters.export_directory)",
                              "Environment": [
                                {
                                  "Name": "JOB_STARTED_BY",
                                  "Value.$": "States.Format('pipeline nightly, execution {}', $$.Execution.Name)"
                                },
                                {
                                  "Name": "JOB_RUN_STARTED_AT",
                                  "Value.$": "$$.Execution.StartTime"
                                }
                              ]
                            }
                          ]
                        }
                      },
                      "TimeoutSeconds": 7200,
                      "ResultPath": null,
                      "Retry": [
                        {
                          "ErrorEquals": [
                            "ECS.AmazonECSException",
                            "ECS.ServerException",
                            "ECS.ThrottlingException",
                            "AmazonECS.Unknown"
                          ],
                          "IntervalSeconds": 30,
                          "MaxAttempts": 5,
                          "BackoffRate": 2.0
                        }
                      ],
                      "Catch": [
                        {
                          "ErrorEquals": [
                            "States.TaskFailed"
                          ],
                          "ResultPath": "$.error",
                          "Next": "export: error"
                        },
                        {
                          "ErrorEquals": [
                            "States.ALL"
                          ],
                          "ResultPath": "$.error",
                          "Next": "export: failed"
                        }
                      ],
                      "Next": "Branch 4 is done"
                    },
                    "export: error": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.error.Error",
                              "StringEquals": "States.TaskFailed"
                            },
                            {
                              "Variable": "$.error.Cause",
                              "StringMatches": "{*}"
                            }
                          ],
                          "Next": "export: ended"
                        }
                      ],
                      "Default": "export: failed"
                    },
                    "export: ended": {
                      "Type": "Pass",
                      "Parameters": {
                        "task.$": "States.StringToJson($.error.Cause)"
                      },
                      "ResultPath": "$.ended",
                      "Next": "export: exit code"
                    },
                    "export: exit code": {
                      "Type": "Choice",
                      "Choices": [
                        {
                          "And": [
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 3
                            }
                          ],
                          "Next": "Branch 4 is done"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Not": {
                                "Variable": "$.ended.task.Containers[0].ExitCode",
                                "IsPresent": true
                              }
                            }
                          ],
                          "Next": "export: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 1
                            }
                          ],
                          "Next": "export: pause"
                        },
                        {
                          "And": [
                            {
                              "Variable": "$.attempt.number",
                              "NumericLessThanEquals": 2
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "IsPresent": true
                            },
                            {
                              "Variable": "$.ended.task.Containers[0].ExitCode",
                              "NumericEquals": 75
                            }
                          ],
                          "Next": "export: pause"
                        }
                      ],
                      "Default": "export: failed"
                    },
                    "export: failed": {
                      "Type": "Pass",
                      "Result": {
                        "failed": true,
                        "step": "export"
                      },
                      "End": true
                    },
                    "export: pause": {
                      "Type": "Wait",
                      "SecondsPath": "$.attempt.seconds",
                      "Next": "export: again"
                    },
                    "export: again": {
                      "Type": "Pass",
                      "Parameters": {
                        "number.$": "States.MathAdd($.attempt.number, 1)",
                        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
                      },
                      "ResultPath": "$.attempt",
                      "Next": "export"
                    },
                    "Branch 4 is done": {
                      "Type": "Pass",
                      "Result": {
                        "failed": false,
                        "step": ""
                      },
                      "End": true
                    }
                  }
                }
              ],
              "ResultSelector": {
                "failed.$": "States.ArrayContains($[*].failed, true)",
                "steps.$": "$[*].step"
              },
              "ResultPath": "$.result",
              "Next": "Parallel 1: did a step fail"
            },
            "Parallel 1: did a step fail": {
              "Type": "Choice",
              "Choices": [
                {
                  "Variable": "$.result.failed",
                  "BooleanEquals": true,
                  "Next": "Parallel 1: failed"
                }
              ],
              "Default": "Branch 2 is done"
            },
            "Parallel 1: failed": {
              "Type": "Pass",
              "Parameters": {
                "failed": true,
                "step.$": "$.result.steps"
              },
              "End": true
            },
            "Branch 2 is done": {
              "Type": "Pass",
              "Result": {
                "failed": false,
                "step": ""
              },
              "End": true
            }
          }
        }
      ],
      "ResultSelector": {
        "failed.$": "States.ArrayContains($[*].failed, true)",
        "steps.$": "$[*].step"
      },
      "ResultPath": "$.result",
      "Catch": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "ResultPath": "$.error",
          "Next": "Notify of the failure"
        }
      ],
      "Next": "Did a step fail"
    },
    "Did a step fail": {
      "Type": "Choice",
      "Choices": [
        {
          "Variable": "$.result.failed",
          "BooleanEquals": true,
          "Next": "Notify of the failure"
        }
      ],
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
      "Retry": [
        {
          "ErrorEquals": [
            "States.ALL"
          ],
          "IntervalSeconds": 5,
          "MaxAttempts": 3,
          "BackoffRate": 2.0
        }
      ],
      "Next": "Failed"
    },
    "Failed": {
      "Type": "Fail",
      "Error": "PipelineFailed",
      "Cause": "The notification has the steps that failed."
    },
    "Done": {
      "Type": "Succeed"
    }
  }
}
