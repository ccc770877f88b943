"""A copy with any choice of parts is complete: linted, typed, and deployable."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.lift.parts import optional_folders
from local.lift.patterns import PATTERNS

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_copy_with_all_parts_is_complete(pattern, lift_without, check_copy):
    check_copy(lift_without(pattern, ()), pattern, ())


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_copy_without_parts_is_complete(pattern, lift_without, check_copy):
    removed = optional_folders(pattern)
    check_copy(lift_without(pattern, removed), pattern, removed)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_copy_with_any_choice_of_parts_is_complete(pattern, lift_without, check_copy, data):
    removed = data.draw(st.sets(st.sampled_from(optional_folders(pattern))))
    check_copy(lift_without(pattern, sorted(removed)), pattern, removed)
