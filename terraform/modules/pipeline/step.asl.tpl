{
  "Comment": "Runs one step of a pipeline as an ECS task, and runs it again if its exit code says that this may help.",
  "StartAt": "First attempt",
  "States": {
    "First attempt": {
      "Type": "Pass",
      "Parameters": {"number": 1, "seconds.$": "$.pause"},
      "ResultPath": "$.attempt",
      "Next": "Run"
    },
    "Run": {
      "Comment": "TaskDefinition has no revision, so ECS uses the newest. Retry covers what ECS answers while Fargate has no capacity.",
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
            "SecurityGroups": ["${security_group_id}"],
            "AssignPublicIp": "${assign_public_ip}"
          }
        },
        "Overrides": {
          "ContainerOverrides": [
            {
              "Name": "${container_name}",
              "Command.$": "$.command",
              "Environment": [
                {
                  "Name": "JOB_STARTED_BY",
                  "Value.$": "States.Format('pipeline {}, execution {}', $.run.pipeline, $.run.execution)"
                },
                {"Name": "JOB_RUN_STARTED_AT", "Value.$": "$.run.started_at"}
              ]
            }
          ]
        }
      },
      "TimeoutSecondsPath": "$.timeout",
      "ResultPath": null,
      "Retry": [
        {
          "ErrorEquals": [
            "ECS.AmazonECSException", "ECS.ServerException", "ECS.ThrottlingException", "AmazonECS.Unknown"
          ],
          "IntervalSeconds": 30,
          "MaxAttempts": 5,
          "BackoffRate": 2.0
        }
      ],
      "Catch": [
        {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "Timed out"},
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Did a task end"}
      ],
      "Next": "Done"
    },
    "Did a task end": {
      "Comment": "Only in this case the cause is the task as ECS describes it; if ECS itself refuses, the cause is plain text.",
      "Type": "Choice",
      "Choices": [
        {
          "And": [
            {"Variable": "$.error.Error", "StringEquals": "States.TaskFailed"},
            {"Variable": "$.error.Cause", "StringMatches": "{*}"}
          ],
          "Next": "Read the task"
        }
      ],
      "Default": "Refused"
    },
    "Read the task": {
      "Type": "Pass",
      "Parameters": {"task.$": "States.StringToJson($.error.Cause)"},
      "ResultPath": "$.ended",
      "Next": "Exit code"
    },
    "Exit code": {
      "Comment": "3 (something was refused) counts as done. 1, 75 and a task that did not start are tried again.",
      "Type": "Choice",
      "Choices": [
        {
          "And": [
            {"Variable": "$.ended.task.Containers[0].ExitCode", "IsPresent": true},
            {"Variable": "$.ended.task.Containers[0].ExitCode", "NumericEquals": 3}
          ],
          "Next": "Done"
        },
        {
          "And": [
            {"Variable": "$.ended.task.Containers[0].ExitCode", "IsPresent": true},
            {"Variable": "$.attempt.number", "NumericLessThanEqualsPath": "$.retries"},
            {
              "Or": [
                {"Variable": "$.ended.task.Containers[0].ExitCode", "NumericEquals": 1},
                {"Variable": "$.ended.task.Containers[0].ExitCode", "NumericEquals": 75}
              ]
            }
          ],
          "Next": "Pause"
        },
        {"Variable": "$.ended.task.Containers[0].ExitCode", "IsPresent": true, "Next": "Ended with an exit code"},
        {"Variable": "$.attempt.number", "NumericLessThanEqualsPath": "$.retries", "Next": "Pause"}
      ],
      "Default": "Did not start"
    },
    "Pause": {"Type": "Wait", "SecondsPath": "$.attempt.seconds", "Next": "Next attempt"},
    "Next attempt": {
      "Type": "Pass",
      "Parameters": {
        "number.$": "States.MathAdd($.attempt.number, 1)",
        "seconds.$": "States.MathAdd($.attempt.seconds, $.attempt.seconds)"
      },
      "ResultPath": "$.attempt",
      "Next": "Run"
    },
    "Timed out": {
      "Comment": "Not tried again: a step that took too long once would do so again.",
      "Type": "Fail",
      "Error": "TimedOut",
      "CausePath": "States.Format('{} took longer than {} seconds, attempt {}', $.name, $.timeout, $.attempt.number)"
    },
    "Ended with an exit code": {
      "Type": "Fail",
      "ErrorPath": "States.Format('ExitCode{}', $.ended.task.Containers[0].ExitCode)",
      "CausePath": "States.Format('{} ended with exit code {}, attempt {}', $.name, $.ended.task.Containers[0].ExitCode, $.attempt.number)"
    },
    "Did not start": {
      "Comment": "The cause is the task, in which ECS says why it stopped.",
      "Type": "Fail",
      "Error": "DidNotStart",
      "CausePath": "$.error.Cause"
    },
    "Refused": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
    "Done": {"Type": "Succeed"}
  }
}
