#!/usr/bin/env bash
# Looks whether what is deployed still is as its templates say. Fails if a stack drifted, could not be judged, or is not there.
# Usage: drift.sh REGION=ROLE... ; every stack whose name begins with daymark- is looked at, under the role given for its region.
set -u
failed=0
for pair in "$@"; do
  region=${pair%%=*} role=${pair#*=}
  if ! keys=$(aws sts assume-role --role-arn "$role" --role-session-name daymark-drift \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text); then failed=1; continue; fi
  read -r id secret token <<< "$keys"
  as_reader() { AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret AWS_SESSION_TOKEN=$token aws --region "$region" --output text "$@"; }
  stacks=$(as_reader cloudformation describe-stacks --query "Stacks[?starts_with(StackName, 'daymark-')].StackName") || failed=1
  if [ -z "$stacks" ]; then echo "$region: no stacks"; failed=1; continue; fi
  for stack in $stacks; do
    if ! detection=$(as_reader cloudformation detect-stack-drift --stack-name "$stack" --query StackDriftDetectionId); then
      echo "$region $stack: cannot be judged"; failed=1; continue
    fi
    progress=DETECTION_IN_PROGRESS
    for _ in $(seq 120); do
      progress=$(as_reader cloudformation describe-stack-drift-detection-status --stack-drift-detection-id "$detection" --query DetectionStatus)
      [ "$progress" = DETECTION_IN_PROGRESS ] || break
      sleep "${DRIFT_WAIT:-5}"
    done
    state=$(as_reader cloudformation describe-stack-drift-detection-status --stack-drift-detection-id "$detection" --query StackDriftStatus)
    echo "$region $stack: $progress $state"
    if [ "$progress" != DETECTION_COMPLETE ] || [ "$state" != IN_SYNC ]; then
      as_reader cloudformation describe-stack-resource-drifts --stack-name "$stack" --stack-resource-drift-status-filters MODIFIED DELETED \
        --query 'StackResourceDrifts[].[LogicalResourceId,ResourceType,StackResourceDriftStatus]'
      failed=1
    fi
  done
done
exit $failed
