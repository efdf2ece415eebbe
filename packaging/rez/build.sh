#!/usr/bin/env bash
# Called by rez build: copies the package alone, since its dependencies are rez packages.
set -euo pipefail
if [ "${1:-}" = "install" ]; then
  root="$(cd "$(dirname "$0")/../.." && pwd)"
  python3 -m pip install --quiet --no-deps --target "$REZ_BUILD_INSTALL_PATH/python" "$root"
  mkdir -p "$REZ_BUILD_INSTALL_PATH/bin"
  printf '#!/usr/bin/env bash\nexec python -m sgextended "$@"\n' > "$REZ_BUILD_INSTALL_PATH/bin/sgextended"
  chmod +x "$REZ_BUILD_INSTALL_PATH/bin/sgextended"
fi
