// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEvaluatorPool} from "./interfaces/IEvaluatorPool.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {Member} from "./libraries/Member.sol";
import {SumTree} from "./libraries/SumTree.sol";

/// @title Implements IEvaluatorPool.
contract EvaluatorPool is IEvaluatorPool {
    using SumTree for SumTree.Tree;

    uint256 public constant SLATE = 64;
    /// @notice Most weight of one identity, in whole TRAIN.
    uint32 public constant WEIGHT_MAX = 1_000_000;
    /// @dev Level at which node 0 covers exactly the slate.
    uint256 private constant SLATE_LEVEL = 3;
    uint64 private constant GWEI_PER_TRAIN = 1e9;
    /// @dev Numbers in a word of `excluded`, at most.
    uint256 private constant IDS_PER_WORD = 10;

    /// @dev One slot. Bit i of `slateBits`: leaf i is taken.
    struct Head {
        uint64 version;
        uint64 slateBits;
        uint32 members;
        uint32 nextLeaf;
    }

    IWorkerRegistry public immutable registry;
    IStaking public immutable staking;
    uint64 public immutable stakeMinGwei;

    Head private _head;
    SumTree.Tree private _tree;
    mapping(uint256 leaf => Seat) private _seats;
    mapping(address owner => uint256 leafPlusOne) private _leaves;
    uint256[] private _freeLeaves;

    constructor(IWorkerRegistry registry_, IStaking staking_, uint64 stakeMinGwei_) {
        registry = registry_;
        staking = staking_;
        stakeMinGwei = stakeMinGwei_;
        _head.nextLeaf = uint32(SLATE);
    }

    /// @inheritdoc IEvaluatorPool
    function seat(address owner) external {
        if (msg.sender != address(registry)) revert NotRegistry();
        if (_leaves[owner] != 0) _remove(owner);
        staking.setPooled(owner, true);
        _follow(owner, staking.accountOf(owner).activeGwei);
    }

    /// @inheritdoc IEvaluatorPool
    function unseat(address owner) external {
        if (msg.sender != address(registry)) revert NotRegistry();
        if (_leaves[owner] != 0) _remove(owner);
        staking.setPooled(owner, false);
    }

    /// @inheritdoc IEvaluatorPool
    function follow(address owner, uint64 activeGwei) external {
        if (msg.sender != address(staking)) revert NotStaking();
        _follow(owner, activeGwei);
    }

    /// @inheritdoc IEvaluatorPool
    function promote(uint256 slateLeaf) external {
        if (_leaves[msg.sender] == 0) revert NotSeated(msg.sender);
        uint256 outside = _leaves[msg.sender] - 1;
        if (slateLeaf >= SLATE || outside < SLATE) revert BadLeaf(slateLeaf);
        uint32 weight = _tree.weightOf(outside);
        uint32 weightHeld = _tree.weightOf(slateLeaf);
        if (weight <= weightHeld) revert NotHeavier(weight, weightHeld);
        address lighter = _seats[slateLeaf].owner;
        _remove(msg.sender);
        if (lighter != address(0)) {
            _remove(lighter);
            _place(msg.sender, slateLeaf, weight);
            _place(lighter, _freeLeaf(), weightHeld);
        } else {
            _place(msg.sender, slateLeaf, weight);
        }
    }

    /// @inheritdoc IEvaluatorPool
    function slateVersion() external view returns (uint64) {
        return _head.version;
    }

    /// @inheritdoc IEvaluatorPool
    function slateHead() external view returns (uint64 version, uint256 members) {
        return (_head.version, _head.members);
    }

    /// @inheritdoc IEvaluatorPool
    function slate() external view returns (SlateMember[] memory members) {
        members = new SlateMember[](_head.members);
        uint256 count;
        for (uint256 leaf; leaf < SLATE; ++leaf) {
            address owner = _seats[leaf].owner;
            if (owner == address(0)) continue;
            members[count] = SlateMember(
                owner,
                _seats[leaf].id,
                _tree.weightOf(leaf),
                registry.entryOf(owner).x25519Key
            );
            ++count;
        }
    }

    /// @inheritdoc IEvaluatorPool
    function slateWeight() external view returns (uint256) {
        return _tree.sumOf(SLATE_LEVEL, 0);
    }

    /// @inheritdoc IEvaluatorPool
    function totalWeight() external view returns (uint256) {
        return _tree.sumOf(0, 0);
    }

    /// @inheritdoc IEvaluatorPool
    function weightOf(address owner) external view returns (uint32) {
        uint256 leaf = _leaves[owner];
        return leaf == 0 ? 0 : _tree.weightOf(leaf - 1);
    }

    /// @inheritdoc IEvaluatorPool
    function seatOf(address owner) external view returns (uint256 leaf, uint64 since) {
        leaf = _leaves[owner];
        if (leaf == 0) revert NotSeated(owner);
        --leaf;
        since = _seats[leaf].since;
    }

    /// @inheritdoc IEvaluatorPool
    function drawSlate(
        bytes32 seed,
        uint256 count,
        uint64 version,
        address client,
        uint256[] calldata excluded
    ) external view returns (uint256[] memory members) {
        return _draw(seed, count, version, SLATE_LEVEL, client, excluded);
    }

    /// @inheritdoc IEvaluatorPool
    function drawPool(
        bytes32 seed,
        uint256 count,
        address client,
        uint256[] calldata excluded
    ) external view returns (uint256[] memory members) {
        return _draw(seed, count, type(uint64).max, 0, client, excluded);
    }

    /// @dev Each turn takes one leaf out, so there are at most `tries` turns.
    function _draw(
        bytes32 seed,
        uint256 count,
        uint64 version,
        uint256 level,
        address client,
        uint256[] calldata excluded
    ) private view returns (uint256[] memory members) {
        unchecked {
            uint256 tries = level == SLATE_LEVEL ? SLATE : count + excluded.length * IDS_PER_WORD + 1;
            members = new uint256[](count);
            uint256[] memory taken = SumTree.start(tries);
            uint256 sums = _tree.wordOf(level, 0);
            uint256 sum = SumTree.sumIn(sums);
            uint256 found;
            while (found < count && sum > 0 && taken.length < tries) {
                uint256 place = _mix(seed, taken.length) % sum;
                (uint256 leaf, uint256 weight) = _tree.take(taken, level, sums, place);
                sum -= weight;
                uint256 word = _seatWord(leaf);
                uint256 id = uint32(word >> 160);
                if (word >> 192 > version || address(uint160(word)) == client || _isIn(id, excluded))
                    continue;
                members[found++] = Member.pack(address(uint160(word)), id, Member.ROLE_EVALUATOR);
            }
            assembly ("memory-safe") {
                mstore(members, found)
            }
        }
    }

    /// @dev keccak256(abi.encode(seed, turn)).
    function _mix(bytes32 seed, uint256 turn) private pure returns (uint256 random) {
        assembly ("memory-safe") {
            mstore(0, seed)
            mstore(32, turn)
            random := keccak256(0, 64)
        }
    }

    /// @dev A `Seat` in one word, its fields from the low bits on.
    function _seatWord(uint256 leaf) private view returns (uint256 word) {
        Seat storage seat_ = _seats[leaf];
        assembly ("memory-safe") {
            word := sload(seat_.slot)
        }
    }

    function _isIn(uint256 id, uint256[] calldata words) private pure returns (bool) {
        unchecked {
            for (uint256 i; i < words.length; ++i) {
                for (uint256 rest = words[i]; rest != 0; rest >>= Member.ID_BITS) {
                    if (rest & Member.ID_MAX == id) return true;
                }
            }
            return false;
        }
    }

    function _follow(address owner, uint64 activeGwei) private {
        uint32 weight = _weight(activeGwei);
        uint256 leaf = _leaves[owner];
        if (leaf == 0) {
            if (weight != 0) _place(owner, _freeLeaf(), weight);
        } else if (weight == 0) {
            _remove(owner);
        } else {
            _tree.set(leaf - 1, weight);
            emit WeightChanged(owner, leaf - 1, weight);
        }
    }

    function _weight(uint64 activeGwei) private view returns (uint32) {
        if (activeGwei < stakeMinGwei) return 0;
        uint64 whole = activeGwei / GWEI_PER_TRAIN;
        return whole > WEIGHT_MAX ? WEIGHT_MAX : uint32(whole);
    }

    function _freeLeaf() private returns (uint256 leaf) {
        uint64 bits = _head.slateBits;
        if (bits != type(uint64).max) {
            while ((bits >> leaf) & 1 == 1) ++leaf;
            return leaf;
        }
        uint256 free = _freeLeaves.length;
        if (free != 0) {
            leaf = _freeLeaves[free - 1];
            _freeLeaves.pop();
            return leaf;
        }
        leaf = _head.nextLeaf;
        if (leaf == SumTree.LEAVES) revert PoolFull();
        _head.nextLeaf = uint32(leaf + 1);
    }

    function _place(address owner, uint256 leaf, uint32 weight) private {
        Head memory head = _head;
        if (leaf < SLATE) {
            head.slateBits |= uint64(1 << leaf);
            ++head.version;
            ++head.members;
            _head = head;
            staking.setSlate(head.version, uint8(head.members));
        }
        _seats[leaf] = Seat(owner, registry.idOf(owner), head.version);
        _leaves[owner] = leaf + 1;
        _tree.set(leaf, weight);
        emit Seated(owner, leaf, head.version);
        emit WeightChanged(owner, leaf, weight);
    }

    function _remove(address owner) private {
        uint256 leaf = _leaves[owner] - 1;
        if (leaf < SLATE) {
            _head.slateBits &= ~uint64(1 << leaf);
            --_head.members;
            staking.setSlate(_head.version, uint8(_head.members));
        } else {
            _freeLeaves.push(leaf);
        }
        delete _leaves[owner];
        delete _seats[leaf];
        _tree.set(leaf, 0);
        emit Unseated(owner, leaf);
    }
}
