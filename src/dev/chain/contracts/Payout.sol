// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

interface IToken {
    function balanceOf(address owner) external view returns (uint256);
}

/// Several payments of its caller in one transaction: all of them, or none. It owns nothing, keeps
/// nothing, has no owner and no settings. Tokens go from the caller straight to who is paid, so the
/// caller has approved this contract, and nobody but the caller can draw on that approval.
contract Payout {
    /// One part of a payment in the chain's own coin, which leaves no log by itself.
    event Paid(address indexed from, address indexed to, uint256 units);

    /// Which part failed, from 0.
    error PartFailed(uint256 place);
    /// The lists are empty or not of one length, or the sum is not what was sent.
    error WrongParts();

    /// What the code of one payee may take: a purse or a proxy needs a fraction, and a payee that
    /// burns all that it gets must not be able to make the others' payment dear.
    uint256 private constant PART_GAS = 100_000;

    /// Pays native coins; their sum has to be the value of the call.
    function pay(address[] calldata to, uint256[] calldata units) external payable {
        if (to.length == 0 || to.length != units.length) revert WrongParts();
        uint256 left = msg.value;
        for (uint256 i = 0; i < to.length; ++i) {
            if (units[i] > left) revert WrongParts();
            left -= units[i];
            if (!send(to[i], units[i])) revert PartFailed(i);
            emit Paid(msg.sender, to[i], units[i]);
        }
        if (left != 0) revert WrongParts();
    }

    /// Pays tokens of the caller. Each part has to arrive whole, and nothing else may be taken: a
    /// token that keeps a fee, or says that it paid and did not, is refused.
    function payToken(address token, address[] calldata to, uint256[] calldata units) external {
        if (to.length == 0 || to.length != units.length) revert WrongParts();
        uint256 owned = IToken(token).balanceOf(msg.sender);
        uint256 sum = 0;
        for (uint256 i = 0; i < to.length; ++i) {
            uint256 before = IToken(token).balanceOf(to[i]);
            if (to[i] == msg.sender || to[i] == address(this)) revert PartFailed(i);
            if (!move(token, to[i], units[i])) revert PartFailed(i);
            if (IToken(token).balanceOf(to[i]) != before + units[i]) revert PartFailed(i);
            sum += units[i];
        }
        if (owned - IToken(token).balanceOf(msg.sender) != sum) revert WrongParts();
    }

    /// Without a copy of what the payee answers, which could be as long as it likes.
    function send(address to, uint256 units) private returns (bool done) {
        assembly {
            done := call(PART_GAS, to, units, 0, 0, 0, 0)
        }
    }

    /// `transferFrom`; a token that answers nothing says yes by not failing.
    function move(address token, address to, uint256 units) private returns (bool) {
        (bool done, bytes memory answer) = token.call(
            abi.encodeWithSelector(0x23b872dd, msg.sender, to, units)
        );
        return done && (answer.length == 0 || abi.decode(answer, (bool)));
    }
}
