// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The EIP-712 domain "Quern", version "1", of this address on this chain.
abstract contract Domain {
    bytes32 private constant TYPE = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant NAME = keccak256("Quern");
    bytes32 private constant VERSION = keccak256("1");

    bytes32 private immutable _separator;
    uint256 private immutable _chainId;
    address private immutable _self;

    constructor() {
        _separator = _build();
        _chainId = block.chainid;
        _self = address(this);
    }

    /// @notice The domain separator; built anew after a fork of the chain, and when run by delegatecall.
    function domainSeparator() public view returns (bytes32) {
        return address(this) == _self && block.chainid == _chainId ? _separator : _build();
    }

    /// @dev What is signed for a struct hash.
    function _typedHash(bytes32 structHash) internal view returns (bytes32) {
        return _typedHash(domainSeparator(), structHash);
    }

    function _typedHash(bytes32 separator, bytes32 structHash) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, hex"1901")
            mstore(add(free, 2), separator)
            mstore(add(free, 34), structHash)
            digest := keccak256(free, 66)
        }
    }

    function _build() private view returns (bytes32) {
        return keccak256(abi.encode(TYPE, NAME, VERSION, block.chainid, address(this)));
    }
}
