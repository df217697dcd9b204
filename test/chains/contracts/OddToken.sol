// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Tokens as they are met outside, one at a time: what `transfer` does is set after deployment.
contract OddToken {
    event Transfer(address indexed from, address indexed to, uint256 value);

    enum Way {
        Sound,
        ReturnsFalse,
        ReturnsNothing,
        TakesFee,
        TakesFeeOnTop
    }

    mapping(address => uint256) public balanceOf;
    Way public way;

    constructor(address holder, uint256 units) {
        balanceOf[holder] = units;
        emit Transfer(address(0), holder, units);
    }

    function behave(Way to) external {
        way = to;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        if (way == Way.ReturnsFalse) return false;
        uint256 fee = value / 100;
        if (way == Way.TakesFee) {
            move(to, value - fee);
            move(address(this), fee);
        } else {
            move(to, value);
            if (way == Way.TakesFeeOnTop) move(address(this), fee);
        }
        if (way == Way.ReturnsNothing) {
            assembly {
                return(0, 0)
            }
        }
        return true;
    }

    function move(address to, uint256 value) internal {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
    }
}
