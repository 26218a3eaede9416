"""Denoising of real noise, known from pairs of pictures."""
import dataclasses

import numpy as np

from dynjax.tasks.noise_preservation import NoisePreservation


@dataclasses.dataclass(frozen=True)
class PairedDenoise(NoisePreservation):
    """The noisy picture of a pair in, the clean one out; the noise is what lies between them (Maggioni et al. 2023,
    table 2b). Pictures are [H, W, 6], the clean RGB before the noisy, as the sources pairs: and sidd: give them.
    """
    channels = 6

    def example(self, images, keys):
        """Pairs [B, H, W, 6] to {"input": noisy, "target": clean}; nothing is random."""
        if images.shape[-1] != 6:
            raise ValueError(f"denoise_pairs got pictures of {images.shape[-1]} channels; wanted pairs, of 6: a source "
                             "such as pairs:NOISY:CLEAN or sidd:FOLDER.")
        return {"input": images[..., 3:], "target": images[..., :3]}

    def evaluation_example(self, image, key=None):
        """One pair [H, W, 6]."""
        example = self.example(np.asarray(image, np.float32)[None], None)
        return {name: value[0] for name, value in example.items()}
