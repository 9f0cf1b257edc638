"""How the two halves of an embedding come about and share: what was learnt from captions, and class names."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Naming:
    """How class names and the tuned projection share in a score; chosen on dev.

    A picture is named by its likeliest `most` classes, their logits times `sharpness`, and to the
    extent of `words` by what its words say; `share` is the weight of the tuned half in its embedding.
    In a text's embedding that weight is `named_share` where the text is the name of a class and
    `told_share` where it is anything else, with a soft step at a cosine of `like` to the nearest name:
    what the classifier knows is asked of the classifier, and captions of the half that learnt captions.
    """

    most: int = 10
    sharpness: float = 0.7
    words: float = 0.3
    share: float = 0.5
    named_share: float = 0.15
    told_share: float = 0.75
    like: float = 0.75
    softness: float = 0.05

    def of_pictures(self, tuned: Tensor, classes: Tensor, names: Tensor, said: Tensor) -> Tensor:
        """Unit [n, d], class logits [n, 1000], the names' unit [1000, 384], what the words say, unit [n, 384]
        -> joint unit [n, d + 384].

        The second half is the mean of the likeliest names' sentence embeddings (ConSE: Norouzi et
        al., ICLR 2014).
        """
        least = classes.topk(self.most, 1).values[:, -1:]
        likely = (classes * self.sharpness + (classes < least) * -1e4).softmax(1)
        named = functional.normalize(functional.normalize(likely @ names, dim=1) + self.words * said, dim=1)
        return side_by_side(tuned, named, self.share)

    def of_texts(self, tuned: Tensor, sentences: Tensor, known: Tensor) -> Tensor:
        """Unit [n, d] and [n, 384], every name of every class [k, 384] -> joint unit [n, d + 384]."""
        nearest = (sentences @ known.T).amax(1, keepdim=True)
        is_name = ((nearest - self.like) / self.softness).sigmoid()
        return side_by_side(tuned, sentences, self.told_share + (self.named_share - self.told_share) * is_name)


def side_by_side(first: Tensor, second: Tensor, share: Tensor | float) -> Tensor:
    """Two unit vectors [n, d], [n, e] as one [n, d + e]: inner products become weighted sums of two."""
    weights = torch.as_tensor(share)
    return torch.cat([weights.sqrt() * first, (1 - weights).sqrt() * second], 1)
