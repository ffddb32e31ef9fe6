"""Texts with ${ in resolved configs stay what they are."""

import pytest
import yaml
from omegaconf import OmegaConf

from alframe.config.verbatim import as_yaml, escaped
from alframe.trial.instantiate import instantiate

TEXTS = ["${oc.env:HOME}", "${x", "a\\${b}", "\\\\${", "plain: 7", "1e3", "no", "$5 {x}", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_is_resolved_again(text: str) -> None:
    assert OmegaConf.to_container(OmegaConf.create(escaped({"a": [text]})), resolve=True) == {"a": [text]}
    assert yaml.safe_load(as_yaml({"a": {"b": [text, 1, None, 0.5]}})) == {"a": {"b": [text, 1, None, 0.5]}}


@pytest.mark.parametrize("text", TEXTS)
def test_an_object_gets_each_text_as_it_was_typed(text: str) -> None:
    answered = {"round": 1, "wanted": 2, "answered": 0}
    target = {"_target_": "alframe.core.errors.Waiting", **answered}
    inside = {**target, "question": text, "how": text}
    made = instantiate("oracle", {**target, "question": text, "how": [{"a": text}, inside]}, [])
    assert made.question == text
    assert made.how[0] == {"a": text}
    assert made.how[1].question == text


def test_a_config_without_such_texts_is_written_as_before() -> None:
    config = {"name": "my trial", "lr": 1e-05, "sizes": [1, 2], "text": "1e3", "none": None}
    assert as_yaml(config) == OmegaConf.to_yaml(OmegaConf.create(config))
