"""
The private names of shotgun_api3 that ``sgextended/client`` uses, with their signatures.

If a version of shotgun_api3 changes one of them, a test here fails and names it.
"""

import ast
import datetime
import inspect
from pathlib import Path

import pytest
from shotgun_api3 import shotgun
from shotgun_api3.shotgun import ClientCapabilities, ServerCapabilities, Shotgun, _Config
from syntax_trees import syntax_tree

from sgextended.client import changed_settings, connection_settings, find_methods, native_client, sessions
from sgextended.client.native_client import NativeClient
from sgextended.client.protocol import client_config, config_checks, site_of_config
from sgextended.client.transfers import downloads, transfer, uploads

MODULES = (
    client_config,
    config_checks,
    site_of_config,
    changed_settings,
    connection_settings,
    native_client,
    find_methods,
    sessions,
    transfer,
    uploads,
    downloads,
)
SOURCE = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in MODULES)

# Every method that NativeClient overrides or calls, with its parameters as we count on them.
METHODS = {
    "__init__": ["base_url", "script_name", "api_key", "convert_datetimes_to_utc", "http_proxy", "connect", "ca_certs",
                 "login", "password", "sudo_as_login", "session_token", "auth_token"],
    "_auth_params": [],
    "_build_payload": ["method", "params", "include_auth_params"],
    "_complete_multipart_upload": ["upload_info", "filename", "etags"],
    "_call_rpc": ["method", "params", "include_auth_params", "first"],
    "_dict_to_extra_data": ["d", "key_name"],
    "_dict_to_list": ["d", "key_name", "value_name", "extra_data"],
    "_translate_update_params": ["entity_type", "entity_id", "data", "multi_entity_update_modes"],
    "_construct_read_parameters": ["entity_type", "fields", "filters", "retired_only", "order",
                                   "include_archived_projects", "additional_filter_presets"],
    "_get_attachment_upload_info": ["is_thumbnail", "filename", "is_multipart_upload", "created_at"],
    "_get_certs_file": ["ca_certs"],
    "_get_upload_part_link": ["upload_info", "filename", "part_number"],
    "_http_request": ["verb", "path", "body", "headers"],
    "_make_call": ["verb", "path", "body", "headers"],
    "_multipart_upload_file_to_storage": ["path", "upload_info"],
    "_parse_records": ["records"],
    "_response_errors": ["sg_response"],
    "_send_form": ["url", "params"],
    "_upload_file_to_storage": ["path", "storage_url"],
    "add_user_agent": ["agent"],
    "authenticate_human_user": ["user_login", "user_password", "auth_token"],
    "close": [],
    "connect": [],
    "create": ["entity_type", "data", "return_fields"],
    "download_attachment": ["attachment", "file_path", "attachment_id"],
    "find": ["entity_type", "filters", "fields", "order", "filter_operator", "limit", "retired_only", "page",
             "include_archived_projects", "additional_filter_presets"],
    "find_one": ["entity_type", "filters", "fields", "order", "filter_operator", "retired_only",
                 "include_archived_projects", "additional_filter_presets"],
    "get_attachment_download_url": ["attachment"],
    "get_session_token": [],
    "info": [],
    "reset_user_agent": [],
    "share_thumbnail": ["entities", "thumbnail_path", "source_entity", "filmstrip_thumbnail", "kwargs"],
    "update": ["entity_type", "entity_id", "data", "multi_entity_update_modes"],
    "upload": ["entity_type", "entity_id", "path", "field_name", "display_name", "tag_list", "created_at"],
    "upload_filmstrip_thumbnail": ["entity_type", "entity_id", "path", "kwargs"],
    "upload_thumbnail": ["entity_type", "entity_id", "path", "kwargs"],
}  # fmt: skip
# Last parameters that only some of the versions have that setup.cfg allows; they are passed where they say something.
NEWER = {"_get_attachment_upload_info": "created_at", "upload": "created_at"}
PROPERTIES = ["server_caps", "server_info"]
CONSTANTS = ["_MULTIPART_UPLOAD_CHUNK_SIZE"]

CONFIG = [
    "api_key", "api_path", "auth_token", "authorization", "convert_datetimes_to_utc", "extra_auth_params", "localized",
    "max_rpc_attempts", "proxy_handler", "proxy_pass", "proxy_port", "proxy_server", "proxy_user", "raw_http_proxy",
    "_sg", "api_ver", "rpc_attempt_interval", "scheme", "script_name", "server",
    "session_token", "session_uuid", "sudo_as_login", "timeout_secs", "user_login", "user_password",
]  # fmt: skip
INSTANCE = ["_Shotgun__ca_certs", "_server_caps", "_user_agents", "base_url", "client_caps", "config"]


@pytest.fixture
def official():
    """
    An official client that has not connected.
    """
    return Shotgun(
        "https://Web:Pw@studio.example:8443/sub/", "robot", "key", http_proxy="ada:pw@proxy:3128", connect=False
    )


@pytest.mark.parametrize(("name", "parameters"), METHODS.items())
def test_method_has_the_parameters_that_we_count_on(name, parameters):
    """
    The official method takes what ours takes or passes.
    """
    method = inspect.getattr_static(Shotgun, name)
    native = list(inspect.signature(getattr(method, "__func__", method)).parameters)
    without = [each for each in parameters if each != NEWER.get(name)]
    first = "cls" if isinstance(method, classmethod) else "self"
    assert native in ([first, *parameters], [first, *without])


@pytest.mark.parametrize("name", PROPERTIES)
def test_property_is_one(name):
    """
    What is read without a call is a property of the class, which hasattr on the instance would ask the site for.
    """
    assert isinstance(vars(Shotgun)[name], property)


def test_overrides_are_pinned():
    """
    Every native name that NativeClient overrides is in the table above.
    """
    parts = NativeClient.__mro__[: NativeClient.__mro__.index(Shotgun)]
    ours = {name for part in parts for name in vars(part) if name in vars(Shotgun) and not name.startswith("__")}
    ours -= {"MAX_ATTEMPTS"}

    assert ours - set(METHODS) - set(PROPERTIES) == set()
    assert len(ours) >= 12


def test_private_names_in_the_source_are_pinned(official):
    """
    Every private attribute that the sources read or call is defined there, or pinned here.
    """
    nodes = list(ast.walk(syntax_tree(SOURCE)))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    private = {node.attr for node in attributes if node.attr.startswith("_") and not node.attr.startswith("__")}
    own = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own -= {*vars(Shotgun), *vars(official)}

    assert private - own - set(METHODS) - set(CONFIG) - set(INSTANCE) - set(CONSTANTS) == set()
    assert len(private - own) > 10


@pytest.mark.parametrize("name", CONFIG)
def test_config_has_the_attributes_that_we_count_on(official, name):
    """
    The official configuration has each attribute that the sources read, set or hide.
    """
    assert name in vars(official.config)


def test_config_attributes_in_the_source_are_pinned():
    """
    Every attribute that the sources read from a configuration is pinned here.
    """
    read = {
        node.attr
        for node in ast.walk(syntax_tree(SOURCE))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("config", "self.config", "shotgun.config")
    }

    assert read - {"secret", "setter", "version"} - set(CONFIG) == set()
    assert len(read) > 12


@pytest.mark.parametrize("name", CONSTANTS)
def test_class_has_the_constants_that_we_count_on(name):
    """
    The official class keeps each constant where we look for it.
    """
    assert isinstance(vars(Shotgun)[name], int)


@pytest.mark.parametrize("name", INSTANCE)
def test_client_has_the_attributes_that_we_count_on(official, name):
    """
    The official client keeps each attribute where the sources read it.
    """
    assert name in vars(official)


def test_config_is_made_by_its_class_and_assigned_once(monkeypatch):
    """
    The official client makes its configuration from ``_Config(self)`` and assigns it to ``self.config``.
    """
    made = []
    monkeypatch.setattr(shotgun, "_Config", lambda sg: made.append(_Config(sg)) or made[-1])

    client = Shotgun("https://studio.example", connect=False)

    assert [client.config] == made
    assert list(inspect.signature(_Config.__init__).parameters) == ["self", "sg"]


def test_address_is_taken_apart_as_we_count_on(official):
    """
    Scheme, server with port and path are where the transport looks for them.
    """
    config = official.config

    assert (config.scheme, config.server, config.api_path) == ("https", "studio.example:8443", "/sub/api3/json")
    assert config.authorization.startswith("Basic ")
    assert config.raw_http_proxy == "ada:pw@proxy:3128"


def test_empty_configuration_has_no_secrets():
    """
    All secrets start as None, which hides nothing.
    """
    config = _Config(None)

    assert [getattr(config, name) for name in ("api_key", "user_password", "session_token", "authorization")] == [
        None
    ] * 4


def test_capabilities_are_as_we_count_on():
    """
    The capabilities keep the host and the server's answer, and know about thumbnails.
    """
    caps = ServerCapabilities("host", {"version": [8, 60, 0]})

    assert (caps.host, caps.server_info) == ("host", {"version": [8, 60, 0]})
    assert caps.ensure_return_image_urls_support() is True
    assert ServerCapabilities("host", {"version": [3, 2, 0]}).ensure_return_image_urls_support() is False
    assert ClientCapabilities().local_path_field in {"local_path_linux", "local_path_mac", "local_path_windows", None}


def test_local_zone_is_as_we_count_on():
    """
    The local zone is an object of datetime's kind.
    """
    assert isinstance(shotgun.SG_TIMEZONE.local, datetime.tzinfo)


def test_attempts_can_be_limited():
    """
    The official client's own repetitions are set by these two.
    """
    assert Shotgun.MAX_ATTEMPTS > 1
    assert NativeClient.MAX_ATTEMPTS == 1


@pytest.mark.parametrize("name", ["_transform_outbound", "_transform_inbound", "_encode_payload", "_decode_response"])
def test_reference_transforms_are_there(name):
    """
    What the tests of wire hold it against exists.
    """
    assert callable(getattr(Shotgun, name))
