"""Every parity file of Dynamic-Net and pix2pix, reached as a stranger would: official class, arguments, arrays.

The classes and their arguments are those that stand in the files' `meta`; tolerances are those of README-dynnet.
"""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dynjax

ATOL = 2e-5   # DCGAN, U-Net, PatchGAN in float32


def arguments(meta, *names):
    return {name: meta[name] for name in names if name in meta}


def nhwc(array):
    return jnp.asarray(np.moveaxis(array, 1, -1))


def near(got, wanted, **tolerance):
    """Within tolerance; `wanted` [B, C, H, W] may hold the first images and every n-th row and column (tests/data)."""
    wanted = np.moveaxis(wanted, 1, -1)
    step = -(-got.shape[1] // wanted.shape[1])
    np.testing.assert_allclose(got[:len(wanted), ::step, ::step], wanted, **(tolerance or {"atol": ATOL, "rtol": 0}))


def style_alphas(rows):
    """The authors' arguments: a missing one (NaN) makes all three the first."""
    return [np.full(3, row[0]) if np.isnan(row[1:]).any() else row for row in np.float32(rows)]


def test_the_style_network(parity):
    case = parity("dynnet_style")
    net = dynjax.pretrained.build(case.meta["program"], **arguments(case.meta, "widths"))
    variables, apply = dynjax.pretrained.load(net, case.params()), jax.jit(net.apply)
    x = nhwc(case["in/x_even"])
    for row, alpha in enumerate(style_alphas(case["in/alphas"])):
        near(apply(variables, x, alpha), case[f"out/x_even/{row:02}"], atol=2e-4, rtol=1e-4)


def test_the_style_network_s_main_one_alone(parity):
    case = parity("dynnet_style")
    net = dynjax.pretrained.build("MainNet", **arguments(case.meta, "widths"))
    main = {name.removeprefix("main."): array for name, array in case.params().items() if name.startswith("main.")}
    y = jax.jit(net.apply)(dynjax.pretrained.load(net, main), nhwc(case["in/x_even"]))
    near(y, case["out/x_even/00"], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("program", ["DynamicStyleTransfer", "DynamicStyleTransferDual"])
def test_widths_in_a_list(parity, program):
    case = parity("dynnet_phase2")
    net = dynjax.pretrained.build(program, **arguments(case.meta, "widths"))
    assert net.main.widths == (4, 6, 8, 6, 4)
    arrays = {name: array for name, array in case.params().items() if not name.startswith("vgg/")}
    if program.endswith("Dual"):
        with pytest.raises(ValueError, match=r"missing: tuning_blocks_higher\..*left over: tuning_blocks\."):
            dynjax.pretrained.load(net, arrays)
        arrays = {name.replace("tuning_blocks", f"tuning_blocks_{side}"): array
                  for side in ("lower", "higher") for name, array in arrays.items()}
    blocks = dynjax.pretrained.load(net, arrays)["params"]["blocks"]
    assert set(blocks["res3"]) == ({"lower", "higher"} if program.endswith("Dual") else {"conv0", "conv1", "conv2"})


def test_the_generator_of_faces(parity):
    case = parity("dynnet_dcgan")
    # The copy in tests/data has shorter noise than its meta says.
    net = dynjax.pretrained.build("DynamicDcGan", ngf=case.meta["ngf"], z_size=case["in/z"].shape[1])
    variables, z = dynjax.pretrained.load(net, case.params("param/generator/")), nhwc(case["in/z"])
    apply = jax.jit(net.apply, static_argnames="train")
    for run in ("eval", "train"):
        indices = [name for name in case.names(f"out/{run}/") if name.isdigit()]
        assert len(indices) == {"eval": 6, "train": 4}[run]
        for index in indices:
            near(apply(variables, z, case["in/alphas"][int(index)], train=run == "train"), case[f"out/{run}/{index}"])
    main = dynjax.pretrained.build("MainNet", ngf=case.meta["ngf"], z_size=case["in/z"].shape[1])
    assert main == net.main
    bare = {name.removeprefix("main."): array for name, array in case.params("param/generator/").items()
            if name.startswith("main.")}
    jax.tree.map(np.testing.assert_array_equal, dynjax.pretrained.load(main, bare),
                 {name: tree["main"] for name, tree in variables.items()})


def test_the_discriminator_of_faces(parity):
    case = parity("dynnet_dcgan")
    net = dynjax.pretrained.build("Discriminator", **arguments(case.meta, "ndf"))
    variables = dynjax.pretrained.load(net, case.params("param/discriminator/"))
    x = jnp.asarray(case["in/real_u8"] / np.float32(127.5) - 1)
    for run in ("eval", "train"):
        y = jax.jit(net.apply, static_argnames="train")(variables, x, train=run == "train")
        np.testing.assert_allclose(y, case[f"out/discriminator/{run}"].reshape(-1, 1), atol=ATOL)


def test_the_unet(parity):
    case = parity("pix2pix_unet128")
    names = ("input_nc", "output_nc", "num_downs", "ngf", "norm", "use_dropout")
    net = dynjax.pretrained.build("UnetGenerator", **arguments(case.meta, *names))
    if "cut" in case.meta:
        pytest.skip("the copy in tests/data has no inner levels; set DYNJAX_SHARED to the folder that has all")
    variables = dynjax.pretrained.load(net, case.params())
    x = jnp.asarray(case["in/masked_u8"] / np.float32(127.5) - 1)
    for run in ("eval", "train"):
        near(jax.jit(net.apply, static_argnames="train")(variables, x, train=run == "train"), case[f"out/{run}"])


def test_the_patch_critics(parity):
    case = parity("patchgan")
    assert len(case.meta["cases"]) == 5
    for name, meta in case.meta["cases"].items():
        net = dynjax.pretrained.build("NLayerDiscriminator",
                                        **arguments(meta, "input_nc", "ndf", "n_layers", "norm", "sigmoid"))
        variables = dynjax.pretrained.load(net, case.params(f"param/{name}/"))
        x = jnp.asarray(case[f"in/{name}/u8"] / np.float32(127.5) - 1)
        for run in ("eval", "train"):
            near(jax.jit(net.apply, static_argnames="train")(variables, x, train=run == "train"),
                 case[f"out/{name}/{run}"])


def test_official_and_printed_norms():
    unet = lambda **norm: dynjax.pretrained.build("UnetGenerator", input_nc=3, output_nc=3, num_downs=8, **norm).norm
    printed = "functools.partial(<class 'torch.nn.modules.instancenorm.InstanceNorm2d'>, affine=False)"
    for key in ("norm", "norm_layer"):
        assert unet(**{key: printed}) == unet(**{key: "instance"}) == "instance"
        assert unet(**{key: "<class 'torch.nn.modules.batchnorm.BatchNorm2d'>"}) == unet() == "batch"
    critic = dynjax.pretrained.build("NLayerDiscriminator", input_nc=3, norm_layer=printed,
                                       use_sigmoid=True)
    assert critic == dynjax.networks.PatchCritic(norm="instance", sigmoid=True)
    with pytest.raises(ValueError, match=r"the norm is .*affine=True.*wanted batch norm .*or instance norm without"):
        unet(norm=printed.replace("False", "True"))


def test_parts_of_a_dynamic_net_are_told_apart(parity):
    case = parity("dynnet_style")
    net = dynjax.pretrained.build("DynamicStyleTransfer", **arguments(case.meta, "widths"))
    part = lambda prefix: {name.removeprefix(prefix): array for name, array in case.params().items()
                           if name.startswith(prefix)}
    with pytest.raises(ValueError, match=r"holds tuning-blocks alone \(tuning_block0, tuning_block1, tuning_block2\).*"
                                         r"put 'tuning_blocks\.'"):
        dynjax.pretrained.load(net, part("tuning_blocks."))
    with pytest.raises(ValueError, match=r"holds no tuning-blocks \(conv1, .*pretrained\.load\(net\.main, source\)"):
        dynjax.pretrained.load(net, part("main."))


@pytest.mark.parametrize(("name", "given", "sentence"), [
    ("UnetGenerator", {"input_nc": 3, "output_nc": 3, "num_downs": 4}, "num_downs=4; wanted 5 or more"),
    ("UnetGenerator", {"input_nc": 3, "output_nc": 3, "num_downs": 7, "norm": "layer"}, "the norm is 'layer'"),
    ("DynamicStyleTransfer", {"widths": {"conv1": 3}}, "wanted one number for each"),
    ("MainNet", {"widths": (1, 2, 3, 4, 5), "ngf": 8}, "of the style network .* and of the generator of faces"),
])
def test_arguments_that_do_not_fit(name, given, sentence):
    with pytest.raises(ValueError, match=sentence):
        dynjax.pretrained.build(name, **given)
