#!/bin/sh
# Make a key for a caller, print it, and add its SHA-256 and its name to a file: gateway/key.sh NAME [FILE]
# The file never contains a key. To withdraw a key, delete its line.
set -eu
[ $# -ge 1 ] || { echo "usage: key.sh NAME [FILE]" >&2; exit 2; }
name=$1 file=${2:-secrets/gateway/keys}
case $name in
  "" | *[!A-Za-z0-9_.-]*) echo "NAME: is not letters, digits, '_', '.' and '-': $name" >&2; exit 2 ;;
esac
[ "${#name}" -le 63 ] || { echo "NAME: is longer than 63 characters" >&2; exit 2; }
touch "$file"
! grep -q " $name\$" "$file" || { echo "NAME: $name is already in $file; choose another, such as $name-2" >&2; exit 2; }
key=$(openssl rand -hex 24)
hash=$(printf %s "$key" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
echo "$hash $name" >> "$file"
echo "$key"
