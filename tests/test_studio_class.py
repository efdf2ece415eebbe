"""
The class that a studio registers: `sgextended.current` and the command line use it.
"""

import textwrap

import pytest

import sgextended
from sgextended import ConfigurationError, SGExtended, registered_class
from sgextended import studio_class as registered

MODULE = """
from sgextended import SGExtended

class StudioSG(SGExtended):
    pass

class Silent(SGExtended):
    def find_projects(self, *args, **kwargs):
        return []

NOT_A_CLASS = 5
"""


@pytest.fixture(autouse=True)
def afresh():
    """
    Clear the caches before and after each test.
    """
    registered._from_entry_points.cache_clear()
    registered._loaded.cache_clear()
    yield
    registered._from_entry_points.cache_clear()
    registered._loaded.cache_clear()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """
    Installs the metadata and the module of a studio's package with entry points.
    """

    def install(name, value):
        (tmp_path / "studio_pipeline.py").write_text(MODULE)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            textwrap.dedent(f"""
                [sgextended.wrappers]
                {name} = {value}
            """)
        )

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv(registered.VARIABLE, raising=False)
    return install


def test_without_a_package_it_is_ours(install):
    """
    Without a registered class, SGExtended is used.
    """
    assert registered_class() is SGExtended


def test_a_package_registers_its_class(install, environment):
    """
    The entry point's class is the one of current(), one for each thread.
    """
    install("studio", "studio_pipeline:StudioSG")
    sg = sgextended.current()

    assert type(sg).__name__ == "StudioSG"
    assert sgextended.current() is sg is type(sg).current()
    assert type(SGExtended.current()) is SGExtended


def test_a_block_goes_before_what_is_registered(install, environment):
    """
    In a block of as_current, current() returns the wrapper of the block, whatever its class.
    """
    install("studio", "studio_pipeline:StudioSG")
    plain = SGExtended()
    with plain.as_current():
        assert sgextended.current() is plain


def test_a_variable_decides_between_several(install, monkeypatch):
    """
    Two packages with different classes are refused until SGEXTENDED_CLASS names one.
    """
    install("studio", "studio_pipeline:StudioSG")
    install("vendor", "studio_pipeline:Silent")
    with pytest.raises(ConfigurationError, match=r"studio = studio_pipeline:StudioSG, vendor = .*SGEXTENDED_CLASS"):
        registered_class()
    monkeypatch.setenv("SGEXTENDED_CLASS", "studio_pipeline:Silent")

    assert registered_class().__name__ == "Silent"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("studio_pipeline:NoSuch", "cannot be loaded: AttributeError"),
        ("no_such_module:StudioSG", "cannot be loaded: ModuleNotFoundError"),
        ("studio_pipeline", "cannot be loaded"),
        ("studio_pipeline:NOT_A_CLASS", "is not a subclass of SGExtended"),
    ],
)
def test_what_cannot_be_used_is_explained(install, monkeypatch, value, message):
    """
    The error for a wrong name says which setting has it, and what is wrong.
    """
    install("studio", "studio_pipeline:StudioSG")
    monkeypatch.setenv("SGEXTENDED_CLASS", value)

    with pytest.raises(ConfigurationError, match=f"SGEXTENDED_CLASS names '{value}', which {message}"):
        registered_class()
