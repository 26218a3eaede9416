"""What a task is: pure functions that the trainer and the evaluation call without knowing which task it is."""


class Task:
    """What is learned; the least a task of your own has is `example`, for evaluation `evaluation_example` too.

    Attributes:
      channels: of the pictures that `example` takes, 3 or, for pairs, 6.
      multiple: evaluation pictures are cut at bottom and right to a multiple of this many pixels.
      upscale: output pixels per input pixel along each side.
      border: rows and columns cut off each side before PSNR and SSIM.
      metrics: what answers are measured by, names of dynjax.metrics.METRICS. judged: what PSNR and the like look at, in
        words where it is not the whole picture; `loss_view` cuts it out.
      has_aim: whether what an answer should be depends on alpha; see `aim`.
      alpha_names: the names of alpha that aims need; empty where any will do.
      has_target: whether there is one right answer, so that PSNR and its like mean something.
      generates: whether pictures come from noise alone, so that evaluation needs no pictures.
    """
    channels = 3
    multiple = 1
    upscale = 1
    border = 0
    metrics = ("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "lpips_alex", "lpips_vgg")
    judged = ""
    has_aim = False
    alpha_names = ()
    has_target = True
    generates = False

    def example(self, images, keys):
        """Training examples on the device.

        Args:
          images: clean pictures [B, H, W, C] in [0, 1].
          keys: one key an image [B]; whatever is random about image i comes from keys[i] alone.

        Returns:
          {"input": what the network sees, "target": what it should give, ...}, leading axis B.
        """
        raise NotImplementedError

    def evaluation_example(self, image, key):
        """The same for one clean numpy picture [H, W, C], by the task's evaluation protocol: numpy arrays without a
        batch axis."""
        raise NotImplementedError

    def aims(self, example, alpha):
        """What objectives compare with besides the target, where that depends on alpha: {name: [B, H, W, C]}, for terms
        with that name as their `target`.

        Args:
          example: as `example` gives it. alpha: {name: [B]}.
        """
        return {}

    def aim(self, example, alpha):
        """What an answer to an evaluation example should be at this alpha, {name: number}, [H, W, C]; None where alpha
        lacks the name. The metric "psnr_aim" compares with it where the task has_aim."""
        return None

    def measured(self, answer, example):
        """What else there is to say of an answer [H, W, C] to an evaluation example: {metric: number}."""
        return {}

    def variants(self):
        """What a picture is evaluated at, such as several levels of noise: {label: task}."""
        return {"": self}

    def baselines(self, example):
        """Untrained answers to an evaluation example, {name: picture [H, W, C], nominally in [0, 1]}, to
        compare with."""
        return {}

    def shown(self, example):
        """What the network sees of an evaluation example as a picture [H, W, C] in [0, 1], None where it is none."""
        return example["input"]

    def answer(self, output, example):
        """The pictures [B, H, W, C], nominally in [0, 1], that the network's output stands for."""
        return output

    def measures(self, source):
        """What can be measured of answers like the pictures of `source` (as open_source takes it), where the task
        generates: {name: f(pictures [B, H, W, C] in [0, 1]) -> [B]}."""
        return {}

    def loss_view(self, pictures):
        """The part of answers or targets [B, H, W, C] that the objectives compare."""
        return pictures

    def critic_view(self, pictures):
        """The part of answers or targets [B, H, W, C] that the critic sees."""
        return pictures
