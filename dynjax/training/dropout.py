"""Dropout that is drawn for each image by its own key, so that the number of devices changes nothing."""
import flax.linen as nn
import jax

LAYERS = "dropout_layers"   # a collection of keys that are equal in every call: they tell the layers apart


def dropout_rngs(keys):
    """The `rngs` of an apply under `dropout_by_image`, for images of these keys [B]."""
    # Under "dropout" for networks that draw by themselves: other draws in every call.
    return {"dropout": jax.random.fold_in(keys[0], 1), LAYERS: jax.random.key(0)}


def dropout_by_image(keys):
    """Makes every nn.Dropout draw image by image, whatever else is in its batch; a context for tracing an apply.

    Flax draws one mask for all that a call gets, so what an image loses would depend on how many share its device.
    Branches dropped whole are nn.Dropout too, with broadcast_dims. Where a layer's leading axis is not the images'
    (or several rows of each image, one image after the other, such as windows), it draws as Flax does.

    Args:
      keys: of the images [B], in the order of the leading axis of what the network gets.
    """
    def intercept(call, args, kwargs, context):
        layer = context.module
        if not isinstance(layer, nn.Dropout) or context.method_name != "__call__" or not layer.has_rng(LAYERS):
            return call(*args, **kwargs)

        def drop(inputs, deterministic=None, rng=None):
            if rng is not None or not inputs.ndim or inputs.shape[0] % len(keys):
                return call(inputs, deterministic, rng)
            bits = jax.random.bits(layer.make_rng(LAYERS))
            rows = inputs.reshape(len(keys), -1, *inputs.shape[1:])
            of_one = lambda image, key: call(image, deterministic, jax.random.fold_in(key, bits))
            return jax.vmap(of_one)(rows, keys).reshape(inputs.shape)

        return drop(*args, **kwargs)

    return nn.intercept_methods(intercept)
