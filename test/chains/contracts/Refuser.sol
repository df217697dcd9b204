// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Takes no coins, and says so at length, in letters that no database keeps.
contract Refuser {
    receive() external payable {
        revert(string(new bytes(1_000_000)));
    }
}
