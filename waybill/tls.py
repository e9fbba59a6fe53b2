"""What a TLS handshake failed of, and what to do about it: words that hold nothing of a peer."""

import ssl

_OTHER_NAME = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED."""


def distrust(error: ssl.SSLError) -> str:
    """Advice to whoever has set up the connection."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "TLS failed: check that both sides speak it, and that the certificates are meant"
    if error.verify_code in _OTHER_NAME:
        return "its certificate is for another name: use a name in the URL that it is for"
    if error.verify_code == _EXPIRED:
        return "its certificate has expired: renew it"
    return "nobody who is trusted has signed its certificate: name its authority's file in the URL"
