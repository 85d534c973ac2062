import importlib

from realtime.stages.table import STAGES, stages_at


def test_every_stage_has_an_entry() -> None:
    for name, stage in {**STAGES, **stages_at("playout")}.items():
        assert stage.name == name
        module, _, function = stage.entry.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_two_machines_share_the_stages_and_hear_of_each_other() -> None:
    performer, playout = stages_at("performer"), stages_at("playout")
    assert set(performer) == {"performer"} and not performer["performer"].far
    assert {name for name, stage in playout.items() if not stage.far} == {"playout", "link"}
    assert playout["performer"].far
    assert all(stage.side == "playout" for stage in playout.values() if not stage.far)
