import json

import numpy as np
import pytest
import torch

from unet import pretrained
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.runtime import folded

onnx = pytest.importorskip("onnx", reason="the extra `fast` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `fast` is not installed")

from unet import onnx_graph  # noqa: E402  # needs the packages above

CONFIGS = [
    UNetConfig(width=4, depth=3),
    UNetConfig(width=2, depth=2, block="plain", upsample="transposed"),
    UNetConfig(encoder=pretrained.NAME),
]
SIZES = [(1, 16, 16), (3, 48, 32), (2, 112, 96)]


def trained(config: UNetConfig) -> UNet:
    """A random network whose batch norms do something."""
    torch.manual_seed(0)
    model = UNet(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.8, 1.5)
    return model.eval()


def session(graph: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("prepare", [folded, lambda model: model], ids=["folded", "as it is"])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_onnx_runtime_computes_every_site_as_pytorch_does(config, prepare):
    if config.encoder == pretrained.NAME:
        pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed")
    model = trained(config)
    graph = onnx_graph.graph(prepare(model), sites=True)
    onnx.checker.check_model(graph, full_check=True)  # infers every shape
    network = session(graph)
    names = [output.name for output in network.get_outputs()]
    assert names == ["logits", *(site.name for site in model.sites() if site.name != "logits")]
    for count, height, width in SIZES:
        x, expected = torch.randn(count, 1, height, width), {}
        with torch.inference_mode():
            model(x, lambda name, tensor, kept=expected: kept.setdefault(name, tensor))
        for name, values in zip(names, network.run(None, {"image": x.numpy()}), strict=True):
            np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-4, err_msg=name)


def test_the_folded_graph_has_the_networks_operations_and_no_more():
    kinds = [node.op_type for node in onnx_graph.graph(folded(trained(CONFIGS[0]))).graph.node]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "Conv": 2 * 7 + 3 + 1,  # two in each of seven blocks, a projection before each upsampling, the head
        "Relu": 2 * 7,
        "Add": 7,
        "MaxPool": 3,
        "Resize": 3,
        "Concat": 3,
    }


def test_the_file_says_what_its_user_must_know():
    model = trained(CONFIGS[0])
    card = Card(threshold=0.4, temperature=1.5, input=RULE, sha256="ab", name="small")
    graph = onnx_graph.described(onnx_graph.graph(model), model, card)
    metadata = session(graph).get_modelmeta().custom_metadata_map
    assert (metadata.pop("name"), metadata.pop("sha256")) == ("small", "ab")
    read = {key: json.loads(text) for key, text in metadata.items()}
    assert (read["threshold"], read["temperature"], read["stride"], read["input"]) == (0.4, 1.5, 8, RULE)
    assert read["sites"]["bottleneck"] == [32, 8]
    assert "multiples of 8" in graph.doc_string


def test_a_function_without_a_translation_is_named():
    model = trained(CONFIGS[0])
    model.pool = torch.nn.AvgPool2d(2)
    with pytest.raises(onnx_graph.UnknownFunctionError, match="avg_pool2d"):
        onnx_graph.graph(model)
