# A virtual environment with the packages of a list, made when the list has changed.
environment() {
  local venv=.venv/$1 wanted=test/interop/$2
  if ! cmp -s "$wanted" "$venv/installed.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$venv/installed.txt"
  fi
}
