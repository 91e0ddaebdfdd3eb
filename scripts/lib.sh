# Sourced by the scripts beside it: `use_venv EXTRA` makes .venv, installs hookflash with that
# extra when pyproject.toml changed since the last time, and puts its commands first on PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "hookflash needs Python 3.11 or newer. Install it, or set PYTHON=/path/to/python." >&2
  return 1
}

make_venv() {
  local python
  python=$(find_python)
  if "$python" -m venv .venv >/dev/null 2>&1; then return; fi
  rm -rf .venv
  if "$python" -m virtualenv -q .venv 2>/dev/null; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Debian's Python has no venv module; installing python3-venv." >&2
    apt-get update -qq && apt-get install -qqy --no-install-recommends python3-venv >/dev/null
    "$python" -m venv .venv
    return
  fi
  echo "Python cannot make a virtual environment. Run: sudo apt-get install python3-venv" >&2
  return 1
}

use_venv() {
  local extra=$1 want
  [ -x .venv/bin/python ] || make_venv
  want=$(cksum <pyproject.toml)
  if [ "$(cat ".venv/installed-$extra" 2>/dev/null)" != "$want" ]; then
    echo "Installing hookflash[$extra] into .venv (once; a minute or two) ..." >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=24' >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extra]" >&2
    echo "$want" >".venv/installed-$extra"
  fi
  PATH="$PWD/.venv/bin:$PATH"
  export PATH
}
