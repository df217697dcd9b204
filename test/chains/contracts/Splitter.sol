// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

/// Pays twice in one transaction out of its own tokens, and says things that are not true.
contract Splitter {
    event Transfer(address indexed from, address indexed to, uint256 value);

    receive() external payable {}

    function split(IToken token, address one, address two, uint256 value) external {
        token.transfer(one, value);
        token.transfer(two, value);
    }

    /// The event of a token, from a contract that is none.
    function forge(address to, uint256 value) external {
        emit Transfer(msg.sender, to, value);
    }

    /// Native coins by an inner call.
    function payOut(address payable to, uint256 value) external {
        (bool done, ) = to.call{value: value}("");
        require(done);
    }
}
