"""Nets that books, blogs and demonstrations build with Keras, rebuilt layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def stack(shape: tuple[int, int, int], *layers: Any) -> Any:
    import keras

    return keras.Sequential([keras.Input(shape), *layers])


def convnetjs_cifar10() -> Any:
    from keras import layers

    blocks = [
        layer
        for maps in (16, 20, 20)
        for layer in (layers.Conv2D(maps, 5, padding="same", activation="relu"), layers.MaxPooling2D(2))
    ]
    return stack((32, 32, 3), *blocks, layers.Flatten(), layers.Dense(10, activation="softmax"))


def keras_mnist() -> Any:
    from keras import layers

    return stack(
        (28, 28, 1),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    )


def cats_and_dogs() -> Any:
    from keras import layers

    blocks = [
        layer
        for maps in (32, 64, 128, 128)
        for layer in (layers.Conv2D(maps, 3, activation="relu"), layers.MaxPooling2D(2))
    ]
    head = (layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dense(1, activation="sigmoid"))
    return stack((150, 150, 3), *blocks, *head)


def autoencoder() -> Any:
    import keras
    from keras import layers

    images = x = keras.Input((28, 28, 1))
    for maps in (16, 8, 8):
        x = layers.MaxPooling2D(2, padding="same")(layers.Conv2D(maps, 3, activation="relu", padding="same")(x))
    for maps, padding in ((8, "same"), (8, "same"), (16, "valid")):
        x = layers.UpSampling2D(2)(layers.Conv2D(maps, 3, activation="relu", padding=padding)(x))
    return keras.Model(images, layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x))


def vae() -> Any:
    """Encoder and decoder joined at the mean, which is the sample at test; the log-variance flows out beside."""
    import keras
    from keras import layers

    images = x = keras.Input((28, 28, 1))
    for maps in (32, 64):
        x = layers.Conv2D(maps, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    mean, log_variance = layers.Dense(2, name="mean")(x), layers.Dense(2, name="log_variance")(x)
    x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(mean))
    for maps in (64, 32):
        x = layers.Conv2DTranspose(maps, 3, activation="relu", strides=2, padding="same")(x)
    decoded = layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x)
    return keras.Model(images, [decoded, log_variance])


def vae_dense() -> Any:
    import keras
    from keras import layers

    images = x = keras.Input((28, 28, 1))
    for maps, stride in ((32, 1), (64, 2), (64, 1), (64, 1)):
        x = layers.Conv2D(maps, 3, activation="relu", strides=stride, padding="same")(x)
    x = layers.Dense(32, activation="relu")(layers.Flatten()(x))
    mean, log_variance = layers.Dense(2, name="mean")(x), layers.Dense(2, name="log_variance")(x)
    x = layers.Reshape((14, 14, 64))(layers.Dense(14 * 14 * 64, activation="relu")(mean))
    x = layers.Conv2DTranspose(32, 3, activation="relu", strides=2, padding="same")(x)
    return keras.Model(images, [layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x), log_variance])


REBUILT: dict[str, Callable[[], Any]] = {
    function.__name__: function
    for function in (convnetjs_cifar10, keras_mnist, cats_and_dogs, autoencoder, vae, vae_dense)
}
