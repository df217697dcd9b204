// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Keeps a tenth of every transfer. Its logs say what arrives, or, where it lies, what was sent.
contract FeeToken {
    event Transfer(address indexed from, address indexed to, uint256 value);

    mapping(address => uint256) public balanceOf;
    bool public lies;

    constructor() {
        balanceOf[msg.sender] = 1_000_000;
    }

    function lie(bool on) external {
        lies = on;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 fee = value / 10;
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value - fee;
        balanceOf[address(this)] += fee;
        emit Transfer(msg.sender, to, lies ? value : value - fee);
        emit Transfer(msg.sender, address(this), fee);
        return true;
    }
}
