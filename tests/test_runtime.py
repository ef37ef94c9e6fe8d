import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from unet import Segmenter, pretrained, runtime
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig

CARD = Card(threshold=0.5, input=RULE)
EXACT = [runtime.PLAIN, runtime.FOLDED, runtime.ONNX_RUNTIME]


def noise(count):
    return list(np.random.default_rng(0).integers(0, 256, (count, 101, 90), dtype=np.uint8))


@pytest.mark.parametrize("name", EXACT[1:])
def test_every_runtime_in_float32_gives_the_same(small_model, name):
    if name not in runtime.runtimes(small_model):
        pytest.skip("the extra `fast` is not installed")
    images = noise(5)
    expected = Segmenter(small_model, CARD, runtime=EXACT[0]).probabilities(images, tta=True)
    found = Segmenter(small_model, CARD, runtime=name).probabilities(images, tta=True, batch_size=2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_bfloat16_is_taken_where_it_is_computed_and_allowed(small_model, monkeypatch):
    for computes in (True, False):
        monkeypatch.setattr(runtime, "computes_bfloat16", lambda computes=computes: computes)
        exact = runtime.fastest(small_model, bfloat16=False)
        assert exact in EXACT[1:]
        assert runtime.fastest(small_model, bfloat16=True) == (runtime.BFLOAT16 if computes else exact)


def test_an_efficientnet_is_not_computed_in_bfloat16_by_choice(monkeypatch):
    """Depthwise convolutions are slower in it."""
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed")
    pytest.importorskip("onnxruntime", reason="the extra `fast` is not installed")
    monkeypatch.setattr(runtime, "computes_bfloat16", lambda: True)
    model = UNet(UNetConfig(encoder=pretrained.NAME)).eval()
    assert runtime.fastest(model, bfloat16=True) == runtime.ONNX_RUNTIME


def test_without_its_packages_onnx_runtime_is_not_taken(small_model, monkeypatch):
    monkeypatch.setattr(runtime, "find_spec", lambda name: None if name == "onnxruntime" else object())
    assert runtime.fastest(small_model, bfloat16=False) == EXACT[1]
    segmenter = Segmenter(small_model, CARD)
    assert segmenter.probability(noise(1)[0]).shape == (101, 90)
    with pytest.raises(ValueError, match="one of the runtimes PyTorch, .*, got 'ONNX Runtime'"):
        Segmenter(small_model, CARD, runtime=runtime.ONNX_RUNTIME)


@pytest.mark.parametrize("name", EXACT)
def test_the_number_of_threads_does_not_matter(small_model, name):
    if name not in runtime.runtimes(small_model):
        pytest.skip("the extra `fast` is not installed")
    segmenter, images, threads = Segmenter(small_model, CARD, runtime=name), noise(7), torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3, 8):  # a share of the batch for each, one of another size, and fewer tiles than threads
            torch.set_num_threads(count)
            found.append(segmenter.probabilities(images))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-6)


def test_threads_share_a_network_and_each_computes_on_its_own_number_of_threads(small_model):
    """The bits do not depend on how many others compute at the same time."""
    segmenter, images = Segmenter(small_model, CARD), noise(16)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = [segmenter.probability(image) for image in images]
        with ThreadPoolExecutor(4, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            together = list(pool.map(segmenter.probability, images))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(together, alone)


def test_a_network_folded_in_inference_mode_still_has_gradients(small_model, image):
    segmenter = Segmenter(small_model, CARD)
    segmenter.trace(image)  # folds it
    x = segmenter.network_input(image)[0].requires_grad_()
    (gradient,) = torch.autograd.grad(segmenter.network(x).sum(), x)
    (expected,) = torch.autograd.grad(small_model(x).sum(), x)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4)


def test_loading_weights_does_not_load_onnx_runtime():
    code = (
        "import sys; from unet import Segmenter; s = Segmenter.load(); "
        "print([name for name in ('onnx', 'onnxruntime') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
