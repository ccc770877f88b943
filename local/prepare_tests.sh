#!/bin/sh
# Install the tests' tools, check the code and build models, all three at once: local/prepare_tests.sh MODEL...
make test-tools & tools=$!
make lint & lint=$!
make "$@"; built=$?
wait $lint || exit
wait $tools || make test-tools || exit # again, so that the last line says what is missing
exit $built
