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

    /// Pays, and takes it back by failing. Only others may call it within a transaction.
    function payAndFail(address payable to, uint256 value) external {
        (bool done, ) = to.call{value: value}("");
        require(!done, "taken back");
    }

    /// A precompiled call, one inner payment that fails, one that holds, and one a frame deeper.
    function payThrice(address payable to, uint256 value) external {
        sha256("a call to a precompiled contract");
        try this.payAndFail(to, value) {} catch {}
        (bool done, ) = to.call{value: value + 1}("");
        require(done);
        this.payOut(to, value + 2);
    }

    /// Sends all that it has, without a call.
    function end(address payable to) external {
        new Ending{value: address(this).balance}(to);
    }
}

/// Gives its coins away by ending.
contract Ending {
    constructor(address payable to) payable {
        selfdestruct(to);
    }
}
