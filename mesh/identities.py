"""A development certificate authority, and workload identities as SPIFFE names them.

Each workload's files lie in a folder of its own, in the layout of a Kubernetes secret volume: what
Envoy reads are links into `..data`, which is itself a link to one issue's folder. Replacing that
link is atomic, so a proxy that watches the folder never sees a certificate beside another's key.

Certificates follow the SPIFFE X.509-SVID profile: one URI name, no other.
"""

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TRUST_DOMAIN = "waybill.dev"
AUTHORITY_DAYS = 365
WORKLOAD_DAYS = 1
"""Short, so that rotation is nothing special."""
CLOCK_SKEW = dt.timedelta(minutes=5)

CHAIN, KEY, TRUSTED = "tls.crt", "tls.key", "ca.crt"
_DATA = "..data"


def spiffe_id(workload: str) -> str:
    """The name of a workload, such as `spiffe://waybill.dev/ns/shop/sa/orders`."""
    return f"spiffe://{TRUST_DOMAIN}/ns/shop/sa/{workload}"


@dataclass(frozen=True, slots=True)
class WorkloadFiles:
    """Where a proxy finds a workload's identity. `folder` is what it watches."""

    folder: Path

    @property
    def chain(self) -> Path:
        """The certificate, PEM."""
        return self.folder / CHAIN

    @property
    def key(self) -> Path:
        """Its private key, PEM."""
        return self.folder / KEY

    @property
    def trusted(self) -> Path:
        """The authority whose certificates are believed, PEM."""
        return self.folder / TRUSTED


class Authority:
    """Issues workload certificates, with a key in `folder` that is made on first use."""

    def __init__(self, folder: Path) -> None:
        """Use the authority in `folder`, which is made with its parents.

        Raises:
            OSError: the files cannot be read or written.
            ValueError: they are not what was written.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key_file, self._certificate_file = folder / "ca.key", folder / "ca.crt"
        if not (key_file.exists() and self._certificate_file.exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            _write(key_file, _private_pem(key))
            _write(self._certificate_file, _pem(_own_certificate(key)))
        self._key = _load_key(key_file)
        self._certificate = x509.load_pem_x509_certificate(self._certificate_file.read_bytes())

    @property
    def certificate_file(self) -> Path:
        """The authority's own certificate, PEM."""
        return self._certificate_file

    def issue(self, workload: str) -> WorkloadFiles:
        """Give `workload` a new certificate and key; whoever watches its folder takes them up.

        Raises:
            OSError: a file cannot be written.
        """
        folder = self._folder / workload
        issued = folder / f"..{uuid4().hex}"
        issued.mkdir(parents=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        _write(issued / KEY, _private_pem(key))
        _write(issued / CHAIN, _pem(self._workload_certificate(workload, key)))
        _write(issued / TRUSTED, _pem(self._certificate))
        _point_to(folder, issued)
        return WorkloadFiles(folder)

    def _workload_certificate(
        self, workload: str, key: ec.EllipticCurvePrivateKey
    ) -> x509.Certificate:
        name = x509.UniformResourceIdentifier(spiffe_id(workload))
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return (
            _builder(_name(workload), self._certificate.subject, key, WORKLOAD_DAYS)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _own_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("Waybill development CA")
    trust_domain = x509.UniformResourceIdentifier(f"spiffe://{TRUST_DOMAIN}")
    return (
        _builder(name, name, key, AUTHORITY_DAYS)
        .add_extension(x509.SubjectAlternativeName([trust_domain]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _point_to(folder: Path, issued: Path) -> None:
    """Let the folder's files be those of `issued`, at once, and remove the issue before."""
    data, new = folder / _DATA, folder / f"{_DATA}-new"
    before = folder / data.readlink() if data.is_symlink() else None
    for name in (CHAIN, KEY, TRUSTED):
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"{_DATA}/{name}")
    new.symlink_to(issued.name)
    new.replace(data)
    if before:
        for file in before.iterdir():
            file.unlink()
        before.rmdir()


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        advice = "remove the folder to have a new authority made"
        raise ValueError(f"{path} holds no elliptic-curve key; {advice}")  # noqa: TRY004 -- of a file
    return key
