"""DnCNN, IRCNN and FFDNet: KAIR's programs and the weights released with them."""
from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official
from dynjax.models.recognition import DetectedArchitecture, Question, recognises
from dynjax.networks import IRCNN, DnCNN, FFDNet
from dynjax.networks.ircnn import DILATIONS


@official("DnCNN")
def _dncnn(in_nc=1, out_nc=1, nc=64, nb=17, act_mode="BR"):
    _check("DnCNN", in_nc, out_nc, act_mode, ("BR", "R"))
    return DnCNN(features=nc, layers=nb, channels=in_nc, norm="batch" if act_mode == "BR" else "none")


@official("IRCNN")
def _ircnn(in_nc=1, out_nc=1, nc=64):
    _check("IRCNN", in_nc, out_nc, "R", ("R",))
    return IRCNN(features=nc, channels=in_nc)


@official("FFDNet")
def _ffdnet(in_nc=1, out_nc=1, nc=64, nb=15, act_mode="R"):
    _check("FFDNet", in_nc, out_nc, act_mode, ("R",))
    return FFDNet(features=nc, layers=nb, channels=in_nc)


def _check(name, in_nc, out_nc, act_mode, modes):
    if in_nc != out_nc or act_mode not in modes:
        raise ValueError(f"{name} got in_nc={in_nc}, out_nc={out_nc} and act_mode={act_mode!r}; wanted the same number "
                         f"of channels twice and one of {', '.join(modes)} (R is ReLU, B batch norm before it).")


@recognises
def _like(entries):
    if not entries.has("model.0.weight", "model.2.weight") or any(name.startswith("model.1.") for name in
                                                                  entries.shapes):
        return None
    places = entries.places("model.{}")
    features, images = entries.outputs("model.0"), entries.outputs(f"model.{places[-1]}")
    if entries.inputs("model.0") == images:
        norm = any(name.endswith("running_mean") for name in entries.shapes)
        dncnn = DetectedArchitecture(
            "DnCNN", {"in_nc": images, "out_nc": images, "nc": features, "nb": len(places),
            "act_mode": "BR" if norm else "R"})
        return dncnn if norm or len(places) != len(DILATIONS) else _of_seven_layers(dncnn, images, features)
    # A picture in four parts and a plane that says how much noise there is.
    if entries.inputs("model.0") == images + 1 and images in (4, 12):
        return DetectedArchitecture(
            "FFDNet", {"in_nc": images // 4, "out_nc": images // 4, "nc": features, "nb": len(places)})
    if entries.inputs("model.0") == images + 1:
        return DetectedArchitecture("FDnCNN", None, "a plane of noise levels at its input and no residual")
    return None


def _of_seven_layers(dncnn, images, features):
    """IRCNN's arrays are those of a DnCNN of seven layers; the published ones have 64 features, DnCNN's 17 layers."""
    ircnn = DetectedArchitecture("IRCNN", {"in_nc": images, "out_nc": images, "nc": features})
    if features == 64:
        return [ircnn, dncnn]
    question = {"architecture": Question("'DnCNN' or 'IRCNN', whose files are the same", "IRCNN")}
    return [dncnn._replace(questions=question), ircnn._replace(questions=question)]


@layouts_of(DnCNN)
def _dncnn_layout(net, arrays):
    """Places in one sequence, where activations and norms count too."""
    step = 3 if net.norm == "batch" else 2
    place = lambda index: 0 if index == 0 else 2 + step * (index - 1)
    layers = {f"conv_{i}": (f"model.{place(i)}", "conv") for i in range(net.layers)}
    if net.norm == "batch":
        layers |= {f"norm_{i}": (f"model.{place(i) + 1}", "norm") for i in range(1, net.layers - 1)}
    return [Layout(layers, example=(1, 16, 16, net.channels))]


@layouts_of(IRCNN)
def _ircnn_layout(net, arrays):
    layers = {f"conv_{i}": (f"model.{2 * i}", "conv") for i in range(len(DILATIONS))}
    return [Layout(layers, example=(1, 16, 16, net.channels))]


@layouts_of(FFDNet)
def _ffdnet_layout(net, arrays):
    layers = {f"conv_{i}": (f"model.{2 * i}", "conv") for i in range(net.layers)}
    return [Layout(layers, example=(1, 16, 16, net.channels), further=(0.0,))]
