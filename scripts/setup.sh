#!/bin/sh
# Make .venv/ from requirements.lock: exact pins, every archive checked against its hash.
#
# uv does the work because it resolves torch and torchvision as the matching pair that the package
# index serves; pip, with a local CPU-only torch wheel in reach, can choose a torch beside which
# torchvision cannot be imported. Needs Python 3.11 or newer and a package index, nothing else.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "alframe setup: $*" >&2; }

python=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    say "expected Python 3.11 or newer, found none. Install one, or name it: make setup PYTHON=/path/to/python3"
    exit 2
fi

# uv: the one on PATH, or the pinned one fetched into build/uv with whichever of pip and venv is there.
if command -v uv >/dev/null 2>&1 && uv pip sync --help >/dev/null 2>&1; then
    uv=uv
else
    uv=build/uv/bin/uv
    if ! [ -x "$uv" ]; then
        say "fetching uv"
        if ! "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m venv build/pip >/dev/null 2>&1 || {
                say "expected pip or venv in $python, found neither. Install one (Debian: python3-venv), or install uv."
                exit 2
            }
            pip_python=build/pip/bin/python
        else
            pip_python=$python
        fi
        "$pip_python" -m pip install --quiet --disable-pip-version-check --upgrade --target build/uv \
            --require-hashes -r requirements-uv.lock
    fi
fi

export UV_PYTHON_DOWNLOADS=never
say "making .venv with $("$python" --version 2>&1) (about 6 GB with CUDA libraries; under a minute on a fast line)"
rm -f .venv/.alframe-setup-done
"$uv" venv --quiet --allow-existing --python "$("$python" -c 'import sys; print(sys.executable)')" .venv
# Bytecode is compiled here once, not in the first trial.
"$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
.venv/bin/python -c 'import torch, torchvision, pytorch_lightning, hydra, wandb, alframe' || {
    say "the packages are there but cannot be imported; the lines above say why"
    exit 1
}
touch .venv/.alframe-setup-done
say "done"
