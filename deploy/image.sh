#!/usr/bin/env bash
# image.sh BINARY IMAGE: puts a static binary into an empty image, with whichever builder there is. Nothing is pulled.
set -euo pipefail

binary=$1
image=$2
here=$(cd "$(dirname "$0")" && pwd)

certificates=""
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
	if [[ -r $file ]]; then
		certificates=$file
		break
	fi
done
[[ -n $certificates ]] || { echo "image.sh: no certificates found on this machine (install ca-certificates)" >&2; exit 1; }

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
install -m 755 "$binary" "$context/millrace"
install -m 644 "$certificates" "$context/ca-certificates.crt"

# A docker command without its daemon builds nothing.
if docker info >/dev/null 2>&1; then
	docker build -f "$here/Dockerfile.scratch" -t "$image" "$context"
elif command -v podman >/dev/null; then
	podman build -f "$here/Dockerfile.scratch" -t "$image" "$context"
elif command -v buildah >/dev/null; then
	# chroot and vfs need neither namespaces nor a file system driver, so this works inside a container too.
	buildah --storage-driver vfs bud --isolation chroot -f "$here/Dockerfile.scratch" -t "$image" "$context"
else
	echo "image.sh: needs docker, podman or buildah" >&2
	exit 1
fi
