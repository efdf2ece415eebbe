"""
Certificates that do not pass: the message says what is wrong with this one, and advises accordingly.
"""

import datetime
import ssl
import sys

import pytest
import trustme
from fix_servers import ScriptedServer, ScriptedSite

from sgextended import ConfigurationError, RetryPolicy, SGExtended, Site, TLSError

NOW = datetime.datetime.now(datetime.timezone.utc)
YEAR = datetime.timedelta(days=365)

CASES = {
    "another host": ({"names": ["other.example"]}, "is that of another host", "ca_file"),
    "expired": ({"not_after": NOW - YEAR}, "has expired, or the clock of this machine is wrong", "ca_file"),
    "too early": ({"not_before": NOW + YEAR, "not_after": NOW + 2 * YEAR}, "is not valid yet", "ca_file"),
    "unknown authority": ({"unknown": True}, "Set ca_file, or the variable SHOTGUN_API_CACERTS", "another host"),
}


@pytest.mark.parametrize("case", CASES)
def test_advice_fits_the_certificate(case, tmp_path):
    """
    Only a certificate of an unknown authority is a reason to set ca_file.
    """
    options, said, unsaid = CASES[case]
    options = dict(options)
    authority, issuer = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issuer = issuer if options.pop("unknown", False) else authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(*options.pop("names", ["127.0.0.1"]), **options).configure_cert(context)
    server = ScriptedServer(lambda _request: None, tls=context)
    try:
        site = Site(
            url=server.url,
            script_name="robot",
            api_key="key",
            ca_file=str(tmp_path / "ca.pem"),
            retry=RetryPolicy(attempts=1),
        )
        with pytest.raises(TLSError) as caught:
            SGExtended(site=site).info()
    finally:
        server.close()

    assert said in str(caught.value)
    assert unsaid not in str(caught.value)
    assert caught.value.lasting


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 has these versions")
def test_a_version_of_tls_that_is_too_old():
    """
    The error says that server and client have no version in common, and nothing is tried again.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    server = ScriptedServer(lambda _request: None, tls=context)
    try:
        with pytest.raises(TLSError, match="no version of TLS in common") as caught:
            SGExtended(site=Site(url=server.url, script_name="robot", api_key="key")).info()
    finally:
        server.close()

    assert (caught.value.attempts, caught.value.lasting) == (1, True)


def test_certificates_of_the_operating_system(tmp_path, monkeypatch):
    """
    With ca_file="system", a certificate passes if the operating system trusts its authority, and fails otherwise.
    """
    pytest.importorskip("truststore", reason="truststore is not installed: the extra truststore")
    if sys.platform != "linux":
        pytest.skip("the trusted authorities of this system cannot be set for one process")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    servers = [ScriptedSite(tls=context) for _ in range(2)]
    try:
        sites = [
            Site(url=server.url, script_name="robot", api_key="key", ca_file="system", retry=RetryPolicy(attempts=1))
            for server in servers
        ]
        with pytest.raises(TLSError, match="not signed by a trusted authority"):
            SGExtended(site=sites[0]).info()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))  # OpenSSL's variable for the system's file
        assert SGExtended(site=sites[1]).info()["version"]
    finally:
        for server in servers:
            server.close()


def test_certificates_of_the_operating_system_need_an_extra(monkeypatch):
    """
    Without truststore, the site is refused when it is made, and the message names the extra.
    """
    monkeypatch.setitem(sys.modules, "truststore", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'sgextended\[truststore\]'"):
        Site(url="https://studio.example", ca_file="system")
    with pytest.raises(ConfigurationError, match=r"pip install 'sgextended\[truststore\]'"):
        SGExtended("https://studio.example", "robot", "key", ca_certs="system", connect=False)
