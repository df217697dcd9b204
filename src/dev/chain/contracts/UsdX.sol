// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// The dollar of the local chain: an honest ERC-20 with 6 decimals, all of it minted once.
contract UsdX is ERC20 {
    constructor(address holder, uint256 units, address[] memory others, uint256 unitsOfEach)
        ERC20("Local test dollar", "USDX")
    {
        _mint(holder, units);
        for (uint256 i = 0; i < others.length; i++) {
            _mint(others[i], unitsOfEach);
        }
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
