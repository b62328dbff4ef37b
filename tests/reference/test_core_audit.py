"""The Merkle tree against Certificate Transparency's published roots, and the hash chain against one spelled out by hand."""

import hashlib
from datetime import date

import pytest

from daymark.core.audit import AuditEntry, merkle_root, merkle_tree_hash

# The reference inputs and roots for RFC 6962 trees of 0 to 8 leaves: google/certificate-transparency, merkle_tree_test; also
# transparency-dev/merkle, testonly/constants.go.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int):
    assert merkle_tree_hash([bytes.fromhex(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word: split at the largest power of two smaller than n."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def test_every_size_to_130_agrees_with_the_definition():
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(130)]
    for size in range(131):
        assert merkle_root(hashes[:size]) == by_definition([bytes.fromhex(text) for text in hashes[:size]]).hex()


def test_a_chain_spelled_out_by_hand():
    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    start = digest('["daymark audit chain 1","northstar","2018-02-05","MARKET_CLOSE"]')
    first = digest(f'["{start}","northstar","2018-02-05","MARKET_CLOSE",0,"mark/P-1","marked",{{"name":"Zoë","value":"10.00"}}]')
    second = digest(f'["{first}","northstar","2018-02-05","MARKET_CLOSE",1,"mark/P-2","marked",{{}}]')
    entry = AuditEntry.first("northstar", date(2018, 2, 5), "MARKET_CLOSE", "mark/P-1", "marked", {"value": "10.00", "name": "Zoë"})
    assert (entry.previous_hash, entry.hash) == (start, first)
    assert entry.then("mark/P-2", "marked", {}).hash == second
