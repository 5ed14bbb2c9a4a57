#!/bin/sh
# Runs as the user at each start of an app. SageMaker waits for it and gives up after five minutes, so what takes longer
# goes on behind it. The home directory outlives the app; the rest of the image does not.
set -u
state="$HOME/.yolops"
log="$state/start.log"
mkdir -p "$state" "$HOME/.config" "$HOME/.local/bin" "$HOME/.ipython/profile_default/startup"

say() { echo "$(date -u +%FT%TZ) $*"; }

# Notebooks and terminals find MLflow by themselves, and the command yolops the rest of the platform.
find_mlflow() {
  echo '${platform}' | base64 -d | gunzip > "$state/platform.json"
  echo 'import os; os.environ.setdefault("MLFLOW_TRACKING_URI", "${tracking_uri}")' \
    > "$HOME/.ipython/profile_default/startup/00-${project}.py"
  cat > "$HOME/.config/${project}.sh" << 'end'
export MLFLOW_TRACKING_URI="$${MLFLOW_TRACKING_URI:-${tracking_uri}}"
export YOLOPS_PLATFORM="$${YOLOPS_PLATFORM:-$HOME/.yolops/platform.json}"
export PATH="$HOME/.local/bin:$PATH"
end
  line='. "$HOME/.config/${project}.sh"'
  grep -qxF "$line" "$HOME/.bashrc" 2> /dev/null || echo "$line" >> "$HOME/.bashrc"
  say "MLFLOW_TRACKING_URI is ${tracking_uri}"
}

# An example that somebody has changed is theirs.
write_example() {
  example="$HOME/yolops.ipynb"
  if [ ! -e "$example" ] || cmp -s "$example" "$state/yolops.ipynb"; then
    echo '${notebook}' | base64 -d | gunzip > "$example.new" && cp "$example.new" "$state/yolops.ipynb" &&
      mv "$example.new" "$example" && say "the example is $example"
  fi
}

fetch() { # KEY SHA256: the object, if that is its content
  file="$state/$(basename "$1")"
  python3 -c 'import boto3, sys; boto3.client("s3", region_name="${region}").download_file("${bucket}", *sys.argv[1:])' \
    "$1" "$file"
  echo "$2  $file" | sha256sum --check --quiet
}

install() {
  set -e
  trap '' HUP
  trap 'say "not installed; the next start of this app tries again"' EXIT
  say "installing the kernel yolops"
  fetch "${requirements_key}" "${requirements_sha256}"
%{ if wheel_key != "" ~}
  fetch "${wheel_key}" "${wheel_sha256}"
%{ endif ~}
  # The image's packages lie beneath: its PyTorch fits its GPU.
  python3 -m venv --clear --system-site-packages "$venv"
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  "$venv/bin/python" -m pip install --quiet --no-deps --require-hashes --requirement "$state/requirements.txt"
%{ if wheel_key == "" ~}
  say "without the command yolops: yolops init && yolops up brings it"
%{ else ~}
  "$venv/bin/python" -m pip install --quiet --no-deps --force-reinstall "$state/$(basename "${wheel_key}")"
  ln -sf "$venv/bin/yolops" "$HOME/.local/bin/yolops"
%{ endif ~}
  kernel="$HOME/.local/share/jupyter/kernels/yolops"
  mkdir -p "$kernel"
  echo "{\"argv\": [\"$venv/bin/python\", \"-m\", \"ipykernel_launcher\", \"-f\", \"{connection_file}\"]," \
    "\"display_name\": \"yolops\", \"language\": \"python\"}" > "$kernel/kernel.json"
  echo "$wanted" > "$venv/wanted"
  trap - EXIT
  say "ready"
}

(find_mlflow && write_example) 2>&1 | tee -a "$log"
venv="$state/venv"
wanted="${requirements_sha256} ${wheel_sha256} $(python3 -V) $(python3 -c 'import sys; print(sys.prefix)')"
if [ "$(cat "$venv/wanted" 2> /dev/null)" = "$wanted" ]; then
  say "ready: nothing has changed" | tee -a "$log"
else
  (install) >> "$log" 2>&1 < /dev/null &
fi
