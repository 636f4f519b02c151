// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The SHA-256 Merkle trees of base/crypto/merkle.ts: lists of 32-byte leaves, and strings in 2 KiB leaves.
library MerklePaths {
    uint256 internal constant LEAF_BYTES = 2048;
    uint256 private constant ARITY = 4;

    error BadPath();

    /// @notice Root over a list of `length` leaves of which `leaf` stands at `index`.
    function listRoot(
        bytes32 leaf,
        uint256 index,
        uint256 length,
        bytes32[] calldata path
    ) internal view returns (bytes32) {
        if (index >= length) revert BadPath();
        bytes32 node = sha256(abi.encodePacked(uint8(0), leaf));
        uint256 used;
        for (uint256 width = length; width > 1; width = (width + 1) / 2) {
            if (index ^ 1 < width) {
                if (used == path.length) revert BadPath();
                bytes32 sibling = path[used++];
                node = index & 1 == 0 ? _pairHash(node, sibling) : _pairHash(sibling, node);
            }
            index >>= 1;
        }
        if (used != path.length) revert BadPath();
        return rootOf(1, length, node);
    }

    /// @notice Root over a string of `sizeBytes` of which `words` is leaf `index`.
    function bytesRoot(
        bytes calldata words,
        uint256 index,
        uint256 sizeBytes,
        bytes32[] calldata path
    ) internal view returns (bytes32) {
        if (words.length != leafBytes(index, sizeBytes)) revert BadPath();
        bytes32 node = hashOf(words);
        uint256 used;
        for (uint256 width = leavesOf(sizeBytes); width > 1; width = (width + ARITY - 1) / ARITY) {
            uint256 first = index - (index % ARITY);
            uint256 children = width - first < ARITY ? width - first : ARITY;
            if (children > 1) {
                bytes memory level = new bytes(32 * children);
                for (uint256 i; i < children; ++i) {
                    bytes32 child = node;
                    if (first + i != index) {
                        if (used == path.length) revert BadPath();
                        child = path[used++];
                    }
                    assembly ("memory-safe") {
                        mstore(add(add(level, 32), shl(5, i)), child)
                    }
                }
                node = sha256(level);
            }
            index /= ARITY;
        }
        if (used != path.length) revert BadPath();
        return rootOf(0, sizeBytes, node);
    }

    /// @notice The root above the top of a tree. Kind 0 is of bytes, kind 1 of a list.
    function rootOf(uint8 kind, uint256 length, bytes32 top) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(2), kind, uint64(length), top));
    }

    /// @notice Leaves of a string.
    function leavesOf(uint256 sizeBytes) internal pure returns (uint256) {
        return (sizeBytes + LEAF_BYTES - 1) / LEAF_BYTES;
    }

    /// @notice Bytes of a leaf; 0 where there is none.
    function leafBytes(uint256 index, uint256 sizeBytes) internal pure returns (uint256) {
        if (index >= leavesOf(sizeBytes)) return 0;
        uint256 rest = sizeBytes - index * LEAF_BYTES;
        return rest < LEAF_BYTES ? rest : LEAF_BYTES;
    }

    /// @notice Nodes at a height above the leaves.
    function widthAt(uint256 height, uint256 sizeBytes) internal pure returns (uint256 width) {
        width = leavesOf(sizeBytes);
        for (uint256 i; i < height; ++i) width = (width + ARITY - 1) / ARITY;
    }

    /// @notice Height of the top.
    function heightOf(uint256 sizeBytes) internal pure returns (uint256 height) {
        for (uint256 width = leavesOf(sizeBytes); width > 1; width = (width + ARITY - 1) / ARITY) ++height;
    }

    /// @notice SHA-256 of a string of the call; takes no memory for good.
    function hashOf(bytes calldata words) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, words.offset, words.length)
            if iszero(staticcall(gas(), 2, free, words.length, 0, 32)) {
                revert(0, 0)
            }
            hash := mload(0)
        }
    }

    /// @dev Node of a list tree.
    function _pairHash(bytes32 left, bytes32 right) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 1)
            mstore(add(free, 1), left)
            mstore(add(free, 33), right)
            if iszero(staticcall(gas(), 2, free, 65, 0, 32)) {
                revert(0, 0)
            }
            hash := mload(0)
        }
    }
}
