#!/bin/sh
# Write the files that the gateway needs for a trial, unless they exist: gateway/secrets.sh UMASK FOLDER
# A self-signed certificate for localhost, and a key for the caller "trial".
set -eu
mask=$1 folder=$2
command -v openssl >/dev/null || { echo "openssl is needed for the gateway's certificate and keys" >&2; exit 1; }
umask "$mask"
mkdir -p "$folder"
if [ ! -e "$folder/tls.crt" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
    -addext "subjectAltName=DNS:localhost,DNS:gateway,IP:127.0.0.1" -keyout "$folder/key" -out "$folder/tls.crt" 2>/dev/null
  cat "$folder/key" > "$folder/tls.key" # openssl lets only this user read the key, whatever the umask says
  rm "$folder/key"
  echo "written: $folder/tls.crt and tls.key, self-signed for localhost"
fi
[ -e "$folder/keys" ] || echo "written: $folder/keys with the caller trial, whose key is $(sh "$(dirname "$0")/key.sh" trial "$folder/keys")"
