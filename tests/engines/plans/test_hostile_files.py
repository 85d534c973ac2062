"""Manifests and choices that are damaged are refused in one line, or passed over."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.plans.cache import MOST_MANIFEST_BYTES, Manifest, PlanCache, PlanError
from engines.plans.precision import FORMAT, SUFFIX, read_choice
from tests.engines.plans.test_cache import FACTS, KEY, LABEL, PLAN
from tests.mutations import changed, damaged

MANIFEST = json.loads(Manifest(LABEL, KEY, "ab" * 32, len(PLAN), FACTS).to_json())
CHOICE = {
    "format": FORMAT,
    "key": {},
    "picture": "256x512",
    "measured": [{"precision": "f32", "threads": 1, "ms": 29.1}],
    "skipped": {"int8": "no calibration"},
}
NESTED = "[" * 100_000
fuzzed = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzzed
@given(draw=st.data())
def test_a_manifest_is_read_or_refused(draw: st.DataObject) -> None:
    text = json.dumps(changed(MANIFEST, draw))
    try:
        manifest = Manifest.from_json(text)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
        return
    assert manifest.key.differences(KEY) is not None
    assert isinstance(manifest.facts.is_failed, bool)
    assert Manifest.from_json(manifest.to_json()) == manifest or "nan" in text.lower()


@fuzzed
@given(draw=st.data())
def test_no_bytes_are_anything_but_refused(tmp_path: Path, draw: st.DataObject) -> None:
    cache = PlanCache(tmp_path)
    path = cache.path(LABEL, KEY)
    path.write_bytes(PLAN)
    path.with_suffix(".json").write_bytes(damaged(json.dumps(MANIFEST).encode(), draw))
    list(cache.manifests())
    with pytest.raises(PlanError) as caught:
        cache.check(LABEL, KEY)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", [NESTED, '{"format": 1, "key": ' + NESTED, "", "null", "[]", "1" * 10_000])
def test_odd_texts_are_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        Manifest.from_json(text)
    assert len(str(caught.value).splitlines()) == 1
    choice = tmp_path / f"a{SUFFIX}"
    choice.write_text(text, encoding="utf-8")
    assert read_choice(choice) is None


def test_a_manifest_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    path = cache.path(LABEL, KEY).with_suffix(".json")
    with path.open("wb") as file:
        file.truncate(MOST_MANIFEST_BYTES + 1)
    assert list(cache.manifests()) == []
    with pytest.raises(PlanError, match="larger than"):
        cache.check(LABEL, KEY)


@fuzzed
@given(draw=st.data())
def test_a_choice_is_read_or_passed_over(tmp_path: Path, draw: st.DataObject) -> None:
    path = tmp_path / f"a{SUFFIX}"
    path.write_text(json.dumps(CHOICE), encoding="utf-8")
    assert read_choice(path) is not None
    path.write_text(json.dumps(changed(CHOICE, draw)), encoding="utf-8")
    choice = read_choice(path)
    if choice is not None:
        assert choice.best.threads >= 1
        dataclasses.asdict(choice)
