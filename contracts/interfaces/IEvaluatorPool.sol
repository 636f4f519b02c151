// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Stake-weighted drawing of evaluators without repetition, on a packed 8-ary sum tree.
/// @notice The first 64 leaves are the *slate*. A client seals its held-out key to the whole slate at posting, and
/// only who stood in the slate then can be drawn for the job, so no client can choose its judges. When
/// the slate is full, an outsider takes the place of a lighter member by `promote`.
interface IEvaluatorPool {
    /// @param owner the evaluator
    /// @param id its number in the registry
    /// @param since slate version at which it took this leaf
    struct Seat {
        address owner;
        uint32 id;
        uint64 since;
    }

    /// @notice One evaluator of the slate, with all a client needs to seal a key to it.
    struct SlateMember {
        address owner;
        uint32 id;
        uint32 weight;
        bytes32 x25519Key;
    }

    event Seated(address indexed owner, uint256 leaf, uint64 version);
    event Unseated(address indexed owner, uint256 leaf);
    event WeightChanged(address indexed owner, uint256 leaf, uint32 weight);

    error NotRegistry();
    error NotStaking();
    error PoolFull();
    error NotSeated(address account);
    /// @notice The named member is not lighter than the caller.
    error NotHeavier(uint32 weight, uint32 heldBy);
    error BadLeaf(uint256 leaf);

    /// @notice Seats an evaluator, or seats it anew after its X25519 key changed. Only the registry.
    function seat(address owner) external;

    /// @notice Takes an evaluator out. Only the registry.
    function unseat(address owner) external;

    /// @notice Follows the stake of a seated account; below the minimum its weight is 0. Only staking.
    function follow(address owner, uint64 activeGwei) external;

    /// @notice Gives the sender the leaf of a lighter slate member, and that member the sender's leaf.
    function promote(uint256 slateLeaf) external;

    /// @notice Number of changes to the slate that let somebody in. `Terms.slateVersion` names it.
    function slateVersion() external view returns (uint64);

    /// @notice The version, and how many stand in the slate.
    function slateHead() external view returns (uint64 version, uint256 members);

    /// @notice Everyone in the slate with weight, in leaf order: whom a client seals its key to.
    function slate() external view returns (SlateMember[] memory members);

    /// @notice Sum of weights in the slate, in whole TRAIN.
    function slateWeight() external view returns (uint256);

    /// @notice Sum of weights in the whole pool, in whole TRAIN.
    function totalWeight() external view returns (uint256);

    /// @notice Weight of an account, in whole TRAIN, capped.
    function weightOf(address owner) external view returns (uint32);

    /// @notice Leaf of an account, and the slate version at which it took it. Reverts with NotSeated.
    function seatOf(address owner) external view returns (uint256 leaf, uint64 since);

    /// @notice Draws from the slate without repetition, by weight. Fewer come back when fewer can be drawn.
    /// @param seed randomness
    /// @param count how many, at most
    /// @param version only members seated at this slate version or before
    /// @param client never drawn
    /// @param excluded registry numbers that are never drawn: workers of the job, and who was drawn before; up to ten a
    /// word, 24 bits each from the low bits on
    /// @return members one word each, see `libraries/Member.sol`
    function drawSlate(
        bytes32 seed,
        uint256 count,
        uint64 version,
        address client,
        uint256[] calldata excluded
    ) external view returns (uint256[] memory members);

    /// @notice Draws from the whole pool without repetition, by weight.
    function drawPool(
        bytes32 seed,
        uint256 count,
        address client,
        uint256[] calldata excluded
    ) external view returns (uint256[] memory members);
}
