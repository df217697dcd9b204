#!/bin/sh
# Creates the namespace where it is missing. Retention is how long closed sagas can be looked at;
# the ledger keeps every answer for ever, so a short one loses no money and no idempotency.
set -eu

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 30d
