import pytest

from alframe.config.overrides import parse, value_text


def test_hydras_parser_of_overrides_has_the_attributes_that_alframe_reads() -> None:
    override = parse("+seed=range(1,4)")
    assert override.get_key_element() == "+seed"
    assert override.is_sweep_override()
    assert list(override.sweep_string_iterator()) == ["1", "2", "3"]
    assert (parse("x=interval(1,2)").value().start, parse("x=[1,2]").value()) == (1.0, [1, 2])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        ("it's", "'it\\'s'"),
        ([1, "a"], "[1,'a']"),
        ({"a": None}, "{a:null}"),
    ],
)
def test_a_value_is_typed_as_hydra_reads_it(value: object, text: str) -> None:
    assert value_text(value) == text
