import copy
import pickle
from typing import Any

import pytest
from ibapi import server_versions

from twsprobe.wire.versions import HIGHEST, LOWEST, ServerVersion

BY_NUMBER: Any = ServerVersion  # to a type checker, a call makes a member
PREFIXES = ("MIN_SERVER_VER_", "UNIFIED_VERSION_")
GATES = {
    name.removeprefix(prefix): number
    for name, number in vars(server_versions).items()
    for prefix in PREFIXES
    if name.startswith(prefix) and number >= LOWEST
}


def test_the_gates_are_those_of_the_official_client() -> None:
    assert {version.name: int(version) for version in ServerVersion if version.name != "V100_PLUS"} == GATES


def test_the_range_is_that_of_the_official_client() -> None:
    assert (LOWEST, HIGHEST) == (server_versions.MIN_CLIENT_VER, server_versions.MAX_CLIENT_VER)
    assert set(range(LOWEST, HIGHEST + 1)) - {133} == set(ServerVersion)


def test_every_gate_says_what_it_changed_and_who_knew_it_first() -> None:
    assert all(version.change and version.api_release for version in ServerVersion)
    assert ServerVersion.REPLACE_FA_END.api_release == "9.81"


@pytest.mark.parametrize("number", [0, 76, 99, 133, 227, 999_999_999])
def test_a_number_without_a_name_is_usable(number: int) -> None:
    version = BY_NUMBER(number)
    assert (version, version.name, version.change) == (number, f"UNLISTED_{number}", "not a gate that we know")
    assert (version < ServerVersion.PROTOBUF) is (number < 201)
    assert copy.deepcopy(version) == pickle.loads(pickle.dumps(version)) == version  # noqa: S301  # our own bytes
    assert version not in list(ServerVersion)


@pytest.mark.parametrize("value", ["226", None, 1.5])
def test_what_is_no_number_is_no_version(value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid ServerVersion"):
        BY_NUMBER(value)
