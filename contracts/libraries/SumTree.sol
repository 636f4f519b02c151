// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Packed 8-ary sum tree: every node is one slot with the uint32 sums of its eight children.
/// @notice Five levels, 32,768 leaves; a leaf's path is its number in base 8. Weights of all leaves together stay
/// below 2^32.
library SumTree {
    uint256 internal constant LEVELS = 5;
    uint256 internal constant LEAVES = 8 ** LEVELS;
    uint256 private constant CHILD = 0xffffffff;

    error WeightOverflow();

    struct Tree {
        mapping(uint256 levelAndNode => uint256 sums) nodes; // level * LEAVES + node
    }

    /// @notice Weight of a leaf.
    function weightOf(Tree storage tree, uint256 leaf) internal view returns (uint32) {
        return uint32(tree.nodes[(LEVELS - 1) * LEAVES + (leaf >> 3)] >> ((leaf & 7) * 32));
    }

    /// @notice Sum below a node, all eight lanes added at once; it fits 32 bits by the rule of `set`.
    function sumOf(Tree storage tree, uint256 level, uint256 node) internal view returns (uint256 sum) {
        return sumIn(tree.nodes[level * LEAVES + node]);
    }

    /// @notice The word of a node.
    function wordOf(Tree storage tree, uint256 level, uint256 node) internal view returns (uint256 sums) {
        unchecked {
            return tree.nodes[level * LEAVES + node];
        }
    }

    /// @notice Sum of the eight lanes of a node's word.
    function sumIn(uint256 sums) internal pure returns (uint256 sum) {
        unchecked {
            sum = sums + (sums >> 128);
            sum += sum >> 64;
            sum = (sum + (sum >> 32)) & CHILD;
        }
    }

    /// @notice Sets the weight of a leaf and the sums above it. Reverts with WeightOverflow when the sum of
    /// all leaves would leave 32 bits.
    function set(Tree storage tree, uint256 leaf, uint32 weight) internal {
        uint256 before = weightOf(tree, leaf);
        if (before == weight) return;
        if (weight > before && sumOf(tree, 0, 0) + weight - before > CHILD) revert WeightOverflow();
        uint256 node = leaf;
        for (uint256 level = LEVELS; level > 0; --level) {
            uint256 shift = (node & 7) * 32;
            node >>= 3;
            uint256 sums = tree.nodes[(level - 1) * LEAVES + node];
            uint256 child = ((sums >> shift) & CHILD) + weight - before;
            tree.nodes[(level - 1) * LEAVES + node] = (sums & ~(CHILD << shift)) | (child << shift);
        }
    }

    /// @notice Starts a drawing that takes at most `countMax` leaves: an empty list with room for them, each
    /// leaf << 32 | weight.
    function start(uint256 countMax) internal pure returns (uint256[] memory taken) {
        assembly ("memory-safe") {
            taken := mload(0x40)
            mstore(taken, 0)
            mstore(0x40, add(taken, shl(5, add(countMax, 1))))
        }
    }

    /// @notice Draws a leaf below node 0 of a level by weight, among those not taken yet, and takes it.
    /// @param sums word of that node
    /// @param place random, below the weight under the node without what is taken
    /// @return leaf the leaf
    /// @return weight its weight
    function take(
        Tree storage tree,
        uint256[] memory taken,
        uint256 level,
        uint256 sums,
        uint256 place
    ) internal view returns (uint256 leaf, uint256 weight) {
        unchecked {
            uint256 leafBits = 3 * (LEVELS - 1 - level);
            while (true) {
                leaf <<= 3;
                // Ends before the eighth child is passed, since place < sum of what is left.
                while (true) {
                    weight = sums & CHILD;
                    if (weight != 0) weight -= _takenBelow(taken, leaf, leafBits);
                    if (place < weight) break;
                    place -= weight;
                    sums >>= 32;
                    ++leaf;
                }
                if (leafBits == 0) break;
                leafBits -= 3;
                sums = wordOf(tree, ++level, leaf);
            }
            uint256 entry = (leaf << 32) | weight;
            assembly ("memory-safe") {
                let count := add(mload(taken), 1)
                mstore(taken, count)
                mstore(add(taken, shl(5, count)), entry)
            }
        }
    }

    function _takenBelow(
        uint256[] memory taken,
        uint256 parent,
        uint256 leafBits
    ) private pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let at := taken
            for {
                let end := add(at, shl(5, mload(taken)))
            } lt(at, end) {} {
                at := add(at, 32)
                let entry := mload(at)
                if eq(shr(add(32, leafBits), entry), parent) {
                    sum := add(sum, and(entry, CHILD))
                }
            }
        }
    }
}
