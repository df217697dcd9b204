#!/bin/sh
# Creates Temporal's two databases where they are missing and brings their schemas up to date.
set -eu

for database in temporal temporal_visibility; do
  schema=/etc/temporal/schema/postgresql/v12/${database#temporal_}/versioned
  tool="temporal-sql-tool --plugin postgres12 --endpoint $SQL_HOST --port 5432 --user $SQL_USER"
  $tool --database "$database" create
  $tool --database "$database" setup-schema --version 0.0
  $tool --database "$database" update-schema --schema-dir "$schema"
done
