"""Whom the device trusts, and no longer trusts."""

import pytest

from harness import must_refuse, openssl


def test_a_revoked_signer(make_device, releases, tmp_path):
    authority_key = [path for path in releases.keys.folder.iterdir()
                     if path.name in ("ca.key", "ca-key.pem", "authority.key")]
    if not authority_key:
        pytest.skip("keygen leaves no key of the authority to revoke with")
    device = make_device(start=False)
    (tmp_path / "index").touch()
    (tmp_path / "number").write_text("01\n")
    (tmp_path / "ca.cnf").write_text(f"[ca]\ndefault_ca=c\n[c]\ndatabase={tmp_path}/index\n"
                                     f"crlnumber={tmp_path}/number\ndefault_md=sha256\n"
                                     "default_crl_days=30\n")
    common = ("-config", tmp_path / "ca.cnf", "-cert", releases.keys.authority, "-keyfile",
              authority_key[0])
    openssl("ca", *common, "-revoke", releases.keys.certificate)
    openssl("ca", *common, "-gencrl", "-out", device.folder / "trust" / "revoked.crl")
    device.start()
    must_refuse(device, releases["1.1.0"], ("signature.revoked",))


def test_a_trust_folder_without_anchors_trusts_nobody(make_device, releases):
    device = make_device(start=False)
    for file in (device.folder / "trust").iterdir():
        file.unlink()
    device.start()
    must_refuse(device, releases["1.1.0"], ("trust.", "signature."))
