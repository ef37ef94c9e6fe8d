import json
from dataclasses import replace as replace_card

import pytest
from msgspec.structs import replace

from demo import weights
from demo.weights import WeightsError, find_weights, open_weights
from unet import Segmenter, checkpoint
from unet.bootstrap import Interval
from unet.card import Card, Claim
from unet.image import RULE


def test_weights_are_found_with_what_their_cards_say(tmp_path, monkeypatch, small_model):
    monkeypatch.setattr(weights, "shipped_weights", lambda: tmp_path / "none.safetensors")
    claim = Claim(metric="mAP", value=0.8312, split="val", count=400, tta=True, threshold=0.5)
    error = Interval(low=0.8041, high=0.8566, units=390)
    found = {"weights/good": claim, "weights/new": replace(claim, tta=False, interval=error), "runs/a/a": None}
    for name, of in found.items():
        card = Card(threshold=0.4, input=RULE, claim=of)
        checkpoint.save(tmp_path / f"{name}.safetensors", small_model, card)
    (tmp_path / "runs" / "stray.safetensors").write_bytes(b"no card beside it")
    (tmp_path / "weights" / "bad.safetensors").write_bytes(b"")
    (tmp_path / "weights" / "bad.json").write_text(json.dumps({"threshold": 2}))

    good, new, run = find_weights(tmp_path)

    assert (good.name, new.name, run.name) == ("good", "new", "runs/a/a")
    assert good.label == "good · 0.03 M parameters · val mAP 0.831, flip TTA"
    assert new.label.endswith("val mAP 0.831")
    assert good.claim == "mAP 0.831 on 400 val tiles at threshold 0.50, with flip TTA (mean with the mirrored image)"
    plain = replace(good.card, metrics={"val": {"mAP": 0.8204}})
    assert replace_card(good, card=plain).claim.endswith("mirrored image); without it 0.820")
    assert new.claim == "mAP 0.831 (95 % interval 0.804 to 0.857) on 400 val tiles at threshold 0.50"
    assert run.claim == ""
    assert Segmenter.load(run.key[0]).threshold == 0.4


def test_weights_that_cannot_be_opened_are_named_without_a_path(two_weights):
    found, _ = find_weights()
    assert open_weights(found)[0] == found.key
    found.path.write_bytes(b"other tensors")
    with pytest.raises(WeightsError, match="^first: expected the tensors its card was written for"):
        open_weights(found)
    found.path.unlink()
    with pytest.raises(WeightsError, match="^first: expected first.safetensors, got no file"):
        open_weights(found)
