"""
`SGExtended`: its copies of every kind.
"""

import copy
import pickle

import pytest
from fix_extended import KEY, SHOT, Attributed, Job, Slotted, Studio, make_site

from sgextended import ConfigurationError, SGExtended

# --- Copies


DUPLICATES = {
    "clone": lambda sg: sg.clone(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda sg: pickle.loads(pickle.dumps(sg)),
}


@pytest.mark.leaks
@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
@pytest.mark.parametrize("studio_class", [SGExtended, Studio, Attributed, Job])
def test_duplicates_keep_class_identity_and_attributes(shot_server, duplicate, studio_class):
    """
    Every kind of copy keeps the class, the site, the credentials and the studio's attributes.
    """
    sg = studio_class(site=make_site(shot_server, allow_pickle_secrets=True))
    sg.own = {"deep": [1, 2]}
    sg.config.session_uuid = "u-1"

    other = duplicate(sg)

    assert type(other) is studio_class
    assert other is not sg
    assert other.own == {"deep": [1, 2]}
    assert other.site == sg.site
    assert other.config.session_uuid == "u-1"
    assert other.find("Shot", []) == [SHOT]


@pytest.mark.leaks
@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
@pytest.mark.parametrize("studio_class", [Attributed, Slotted])
def test_duplicates_keep_attrs_fields(shot_server, duplicate, studio_class):
    """
    Fields of attrs are kept, with slots and without.
    """
    sg = studio_class(site=make_site(shot_server, allow_pickle_secrets=True), show="beta")

    other = duplicate(sg)

    assert other.show == "beta"
    assert other.find("Shot", []) == [SHOT]


@pytest.mark.leaks
@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
def test_duplicates_have_a_client_of_their_own(shot_server, duplicate):
    """
    A change of one copy's configuration does not affect the other.
    """
    sg = SGExtended(site=make_site(shot_server, allow_pickle_secrets=True))

    other = duplicate(sg)
    other.config.session_uuid = "u-2"

    assert sg.config.session_uuid is None
    assert other._sg is not sg._sg


def test_copies_share_attributes_and_deep_copies_do_not(site):
    """
    As everywhere in Python, copy is shallow and deepcopy is not.
    """
    sg = Attributed(site=site)

    assert copy.copy(sg).cache is sg.cache
    assert copy.deepcopy(sg).cache is not sg.cache


def test_pickle_from_the_environment_holds_no_key(environment):
    """
    A wrapper of the environment's site travels without the key.
    """
    pickled = pickle.dumps(Studio())

    assert KEY.encode() not in pickled
    assert pickle.loads(pickled).count("Shot") == 1


def test_pickle_with_a_literal_key_is_refused(site):
    """
    A literal key is not written down.
    """
    with pytest.raises(ConfigurationError, match=r"Site\.from_env"):
        pickle.dumps(SGExtended(site=site))


def test_vars_show_no_key(site):
    """
    vars() of a wrapper contains no key.
    """
    sg = SGExtended(site=site)

    assert KEY not in repr(vars(sg)) + repr(vars(sg._sg)) + repr(vars(sg.config))
