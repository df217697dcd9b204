// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// The dollar of the local chain: an honest ERC-20 with 6 decimals, all of it minted once.
contract UsdX is ERC20 {
    constructor(address holder, uint256 units) ERC20("Local test dollar", "USDX") {
        _mint(holder, units);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
