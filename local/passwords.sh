#!/bin/sh
# Write a strong random password into each file that does not exist yet: local/passwords.sh UMASK FOLDER FILE...
# Nobody else may enter the folder.
set -eu
mask=$1 folder=$2
shift 2
mkdir -p "$folder"
chmod 700 "$folder"
umask "$mask"
for name in "$@"; do
  file=$folder/$name
  [ -s "$file" ] || { head -c 24 /dev/urandom | base64 | tr -d '\n' > "$file" && echo "written: $file"; }
done
