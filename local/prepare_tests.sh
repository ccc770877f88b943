#!/bin/sh
# Install the tests' tools, check the code and build models, all at once: local/prepare_tests.sh MODEL...
# The build takes longest, and the rest gives way to it.
make test-tools & tools=$!
nice make lint & lint=$!
# The processes of the suite start together. Without this, each of them would compile all modules.
nice .venv/bin/python -m pytest --collect-only --quiet >/dev/null 2>&1 & collected=$!
built= failed=0
for model in "$@"; do make "$model" & built="$built $!"; done
for model in $built; do wait "$model" || failed=$?; done
wait $collected # a fault that it finds is reported by the suite
wait $lint || exit
wait $tools || make test-tools || exit # again, so that the last line says what is missing
.venv/bin/python -m playwright --version >/dev/null || exit # the browser's driver starts
exit $failed
