"""Torch modules in saved files: how they are built again, and what is the same afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

import skood
from skood import FSSDScorer, LayerEnsemble, SHEScorer
from skood.storage import read_manifest

pytest.importorskip("skops", reason="skops (extra 'io') is not installed")
pytest.importorskip("safetensors", reason="safetensors (extra 'io') is not installed")
torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402

from skood.deep import (  # noqa: E402
    AutoencoderTransformer,
    DeepEnsembleScorer,
    MCDropoutScorer,
    MSPScorer,
    ODINScorer,
    TorchFeatureTransformer,
)

from ..detectors import rows  # noqa: E402
from ..torch_nets import (  # noqa: E402
    FunctionalNet,
    Shared,
    images,
    lenet,
    pooled,
    seeded,
    state_of,
)

LENET, FUNCTIONAL = "tests.torch_nets:lenet", "tests.torch_nets:FunctionalNet"


class Scaled(nn.Module):
    """Has a setting that no weight shows."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = factor
        self.logits = nn.Linear(4, 3)

    def forward(self, x):
        return self.factor * self.logits(x)


class Counted(nn.Module):
    """Its state is more than tensors."""

    def forward(self, x):
        return x

    def get_extra_state(self):
        return {"calls": 3}

    def set_extra_state(self, state):
        pass


class Failing(nn.Module):
    """Can't be built alone."""

    built = False

    def __init__(self):
        super().__init__()
        if Failing.built:
            raise RuntimeError("only once")
        Failing.built = True


def architecture_of(module, path):
    skood.save(MSPScorer(module), path)
    return read_manifest(path)["modules"]["module"].get("architecture")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "detector.skood"


def test_a_class_is_named_only_where_it_makes_the_same_without_arguments(path):
    assert architecture_of(FunctionalNet(), path) == FUNCTIONAL
    assert architecture_of(Scaled(), path) == f"{__name__}:Scaled"
    assert architecture_of(Scaled(3.0), path) is None  # the weights alone would fit
    assert architecture_of(pooled(nn.Tanh()), path) is None  # no weights: all would fit
    assert architecture_of(Failing(), path) is None
    compiled = FunctionalNet()
    compiled._is_torch_compile = True  # a mark that torch.compile leaves
    assert architecture_of(compiled, path) == FUNCTIONAL
    changed = FunctionalNet()
    changed.conv.padding_mode = "reflect"
    assert architecture_of(changed, path) is None
    with_tensor = Scaled()
    with_tensor.factor = torch.ones(3)  # a setting that can't be compared
    assert architecture_of(with_tensor, path) is None


def test_architectures_are_called_only_if_trusted(path):
    scorer = MSPScorer(lenet()).fit(images())
    for architecture in (LENET, lenet):
        skood.save(scorer, path, architectures={"module": architecture})
        with pytest.raises(
            ValueError,
            match=rf"^The file builds the module 'module' by calling '{LENET}', which is not trust"
            rf"ed\. Pass trusted=\['{LENET}'\] if you trust it, or modules={{'module': module}}\.$",
        ):
            skood.load(path)
        for trusted in (LENET, lenet, "tests.torch_nets.lenet"):
            loaded = skood.load(path, trusted=[trusted])
            np.testing.assert_array_equal(loaded.score_samples(images()), scorer.training_scores_)


def test_modules_can_be_given(path):
    scorer = MSPScorer(lenet()).fit(images())
    skood.save(scorer, path)
    with pytest.raises(
        ValueError, match=r"^The file does not say how to build the module 'module'"
    ):
        skood.load(path)
    replacement = seeded(lenet, seed=7)
    replacement.logits.weight.data.zero_()
    loaded = skood.load(path, modules={"module": replacement})
    assert loaded.module is replacement
    np.testing.assert_array_equal(loaded.score_samples(images()), scorer.training_scores_)
    for other in (FunctionalNet(), nn.Sequential(lenet())):
        with pytest.raises(ValueError, match=r"^The weights in the file for the module 'module'"):
            skood.load(path, modules={"module": other})
    with pytest.raises(
        ValueError, match=r"^The 'modules' parameter of skood\.load must name torch"
    ):
        skood.load(path, modules={"net": replacement})


def test_architectures_are_checked_in_saving(path):
    scorer = MSPScorer(lenet())
    for architecture, message in {
        FUNCTIONAL: r"^The 'architectures' parameter of skood\.save must make modules with weight",
        "tests.torch_nets:nothing": r"^The architecture '.*:nothing' cannot be imported: module",
        "no colon": r"^The architecture 'no colon' cannot be imported:",
        "builtins:dict": r"^The architecture 'builtins:dict' must make a torch\.nn\.Mod",
    }.items():
        with pytest.raises(ValueError, match=message):
            skood.save(scorer, path, architectures={"module": architecture})
    with pytest.raises(ValueError, match=r"which are \['module'\]\. Got 'net' instead\.$"):
        skood.save(scorer, path, architectures={"net": LENET})
    with pytest.raises(
        ValueError, match=r"^skood\.save stores the tensors in a module's state, but"
    ):
        skood.save(MSPScorer(Counted()), path)
    with pytest.raises(
        ValueError, match=r"^skood\.save stores arrays and torch modules, but 'singu"
    ):
        skood.save(FSSDScorer(singularity=torch.zeros(3)), path)
    assert not path.exists()


def test_modules_are_shared_again(path):
    net = seeded(FunctionalNet)
    features = TorchFeatureTransformer(net)
    pipeline = make_pipeline(features, SHEScorer(head=net.logits))
    skood.save(pipeline, path)
    described = read_manifest(path)["modules"]
    assert described["shescorer__head"]["part_of"] == "torchfeaturetransformer__module"
    assert [d["member"] for d in described.values() if "member" in d] == ["modules/0.safetensors"]
    loaded = skood.load(path, trusted=[FunctionalNet])
    assert loaded[1].head is loaded[0].module.logits
    ensemble = DeepEnsembleScorer([net, seeded(FunctionalNet, 1), net])
    skood.save(ensemble, path)
    assert list(read_manifest(path)["modules"]) == ["modules__0", "modules__1"]
    first, second, third = skood.load(path, trusted=[FunctionalNet]).modules
    assert first is third
    assert not torch.equal(first.logits.weight, second.logits.weight)
    stands_for_net = nn.Identity()
    stands_for_net._orig_mod = net  # as of what torch.compile makes, which takes seconds
    skood.save(DeepEnsembleScorer([net, stands_for_net]), path)
    assert read_manifest(path)["modules"]["modules__1"]["part_of"] == "modules__0"
    first, second = skood.load(path, trusted=[FunctionalNet]).modules
    assert first is second
    assert pipeline[1].head is net.logits  # in the estimator that was saved all is as it was
    assert ensemble.modules[0] is net


def test_a_module_comes_back_as_it_was(path):
    net = seeded(Shared).double()
    net.first.weight.requires_grad_(False)
    net.idle.eval()
    before = state_of(net)
    skood.save(MSPScorer(net), path)
    assert state_of(net) == before
    loaded = skood.load(path, trusted=[Shared]).module
    assert state_of(loaded) == before
    assert loaded.alias is loaded.first


def test_torch_draws_the_same_numbers_after_saving_and_loading(path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        skood.save(MCDropoutScorer(FunctionalNet(), random_state=0), path)
        state = torch.get_rng_state()
        skood.load(path, trusted=[FunctionalNet])
        assert torch.equal(torch.get_rng_state(), state)
        torch.manual_seed(3)
        net = FunctionalNet()
        state = torch.get_rng_state()
        skood.save(ODINScorer(net), path)
        assert torch.equal(torch.get_rng_state(), state)
        assert expected.shape == (2,)


def test_an_own_half_is_a_pattern_of_the_trained_one(path):
    encoder = nn.Sequential(nn.Linear(4, 2), nn.Tanh())
    autoencoder = AutoencoderTransformer(encoder=encoder, epochs=2, random_state=0).fit(rows())
    skood.save(autoencoder, path)
    names = ["decoder_", "encoder", "encoder_"]
    assert sorted(read_manifest(path)["modules"]) == names
    given = nn.Sequential(nn.Linear(4, 2), nn.Tanh())
    loaded = skood.load(path, modules={"encoder": given})
    assert loaded.encoder is given
    assert loaded.encoder_ is not given
    np.testing.assert_array_equal(loaded.transform(rows()), autoencoder.transform(rows()))
    assert torch.equal(given[0].weight, encoder[0].weight)


def test_an_autoencoder_whose_parameters_were_changed_after_fit(path):
    autoencoder = AutoencoderTransformer((5,), 2, epochs=1, random_state=0).fit(rows())
    fitted = autoencoder.transform(rows())
    autoencoder.set_params(hidden=(7,))
    skood.save(autoencoder, path)
    with pytest.raises(
        ValueError, match=r"^The file does not say how to build the module 'encoder"
    ):
        skood.load(path)
    halves = {"encoder_": autoencoder.encoder_, "decoder_": autoencoder.decoder_}
    np.testing.assert_array_equal(skood.load(path, modules=halves).transform(rows()), fitted)


def test_layers_of_an_autoencoder_in_an_ensemble(path):
    autoencoder = AutoencoderTransformer((5,), 4, epochs=1, random_state=0)
    detector = LayerEnsemble(
        skood.KNNOutlierDetector(), feature_extractor=autoencoder, groups=[2, 2]
    ).fit(rows())
    skood.save(detector, path)
    loaded = skood.load(path)  # nothing to trust: skood builds the halves itself
    np.testing.assert_array_equal(loaded.score_samples(rows()), detector.score_samples(rows()))
