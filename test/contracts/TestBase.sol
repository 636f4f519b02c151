// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev The cheat codes that these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function warp(uint256 timestamp) external;
    function roll(uint256 number) external;
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function deal(address account, uint256 amountWei) external;
    function etch(address account, bytes calldata code) external;
    function chainId(uint256 id) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function store(address account, bytes32 slot, bytes32 word) external;
    function prevrandao(bytes32 value) external;
    function assume(bool condition) external pure;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata revertData) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data) external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function getNonce(address account) external view returns (uint64);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
}

/// @dev What the runner needs, assertions, and nothing more.
abstract contract TestBase {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    // solhint-disable-next-line func-name-mixedcase
    bool public IS_TEST = true;
    address[] private _targets;
    FuzzSelector[] private _selectors;

    error NotEqual(string fact, uint256 left, uint256 right);
    error NotTrue(string fact);

    function targetContracts() public view returns (address[] memory) {
        return _targets;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory) {
        return _selectors;
    }

    function targetContract(address account) internal {
        _targets.push(account);
    }

    function targetSelector(FuzzSelector memory selector) internal {
        _selectors.push(selector);
    }

    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + (value % (high - low + 1));
    }

    function eq(uint256 left, uint256 right, string memory fact) internal pure {
        if (left != right) revert NotEqual(fact, left, right);
    }

    function eq(address left, address right, string memory fact) internal pure {
        eq(uint160(left), uint160(right), fact);
    }

    function eq(bytes32 left, bytes32 right, string memory fact) internal pure {
        eq(uint256(left), uint256(right), fact);
    }

    function ok(bool condition, string memory fact) internal pure {
        if (!condition) revert NotTrue(fact);
    }
}
