"""What one small network gets of AV-MNIST from its images alone, and from its sounds alone.

The noise of `kerasfuse.datasets.av_mnist` is set so that these are near the published accuracies,
about 65 % and 41 %. The network is LeNet's size: two convolutions and two dense layers; training
stops after the epochs named, and the epoch of the best validation accuracy is tested.

    python benchmarks/av_mnist.py --data-dir ../shared/data
    python benchmarks/av_mnist.py --data-dir ../shared/data --small    # 20,000 training samples
"""

import argparse
import os

import measure

os.environ.setdefault("KERAS_BACKEND", "torch")

PUBLISHED = {"image": 65, "audio": 41}
COLUMNS = {
    "modality": ("modality", ""),
    "samples": ("training samples", ",d"),
    "epochs": ("epochs", "d"),
    "parameters": ("parameters", ",d"),
    "validation": ("validation accuracy, %", ".1f"),
    "test": ("test accuracy, %", ".1f"),
    "published": ("published, about", "d"),
}


def network(shape):
    """Give a network that takes an image of 112 x 112 in strides, as if it were of 28 x 28."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(shape),
            layers.BatchNormalization(),
            layers.Conv2D(8, 5, shape[0] // 28, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )


def alone(batches, name):
    """Give the batches of one modality."""
    import keras

    class Alone(keras.utils.PyDataset):
        def __len__(self):
            return len(batches)

        def __getitem__(self, index):
            inputs, labels = batches[index]
            return inputs[name], labels

        def on_epoch_end(self):
            batches.on_epoch_end()

    return Alone()


def train(name, splits, epochs):
    """Train on one modality, and give its accuracies."""
    import keras

    keras.utils.set_random_seed(0)
    train, validation, test = (alone(splits[split], name) for split in splits)
    model = network(splits["train"].modalities[name])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    best = None
    for epoch in range(epochs):
        splits["train"].epoch = epoch
        model.fit(train, epochs=1, verbose=0, shuffle=False)
        accuracy = model.evaluate(validation, verbose=0, return_dict=True)["accuracy"]
        print(f"{name}, epoch {epoch + 1}: {accuracy:.3f} on validation", flush=True)
        if best is None or accuracy > best[0]:
            best = accuracy, model.get_weights()
    model.set_weights(best[1])
    return {
        "modality": name,
        "samples": splits["train"].num_samples,
        "epochs": epochs,
        "parameters": model.count_params(),
        "validation": 100 * best[0],
        "test": 100 * model.evaluate(test, verbose=0, return_dict=True)["accuracy"],
        "published": PUBLISHED[name],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of MNIST and the spoken digits")
    parser.add_argument("--small", action="store_true", help="20,000 training samples")
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()

    from kerasfuse import datasets

    splits = {
        split: datasets.load(
            "av_mnist",
            split,
            batch_size=64,
            data_dir=arguments.data_dir,
            small=arguments.small,
            standardize=False,  # the network normalizes what comes in
        )
        for split in ("train", "validation", "test")
    }
    rows = [train(name, splits, arguments.epochs) for name in PUBLISHED]
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count()))
    measure.save("av_mnist", rows, COLUMNS, measure.environment("cpu", threads))
    print(measure.markdown(rows, COLUMNS))


if __name__ == "__main__":
    main()
