#!/bin/sh
# Write the passwords, certificates and keys that do not exist yet: local/secrets.sh docker|k8s
set -eu
case $1 in
  docker) # containers read the files as other users
    sh local/passwords.sh 022 secrets redis_password mysql_password mysql_root_password grafana_admin_password callback_secret
    exec sh gateway/secrets.sh 022 secrets/gateway ;;
  k8s)
    sh local/passwords.sh 077 k8s/secrets redis-password mysql-password mysql-root-password
    sh local/passwords.sh 077 k8s/components/callbacks/secrets secret
    exec sh gateway/secrets.sh 077 k8s/components/gateway/secrets ;;
esac
