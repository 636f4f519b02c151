// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IStaking} from "./IStaking.sol";

/// @title Who is a worker or an evaluator: keys, capabilities, consent. Owns no stake.
/// @notice An *owner* holds stake and earnings. Its *operator* key signs and sends for it. Registration is open
/// to every account with the minimum stake. Reputation is read here and stands in the account's slot in `Staking`,
/// which settlement writes anyway.
interface IWorkerRegistry {
    /// @notice What the owner lets its machine do; checked when it is assigned to a job.
    /// @param kinds bit k allows jobs of kind k
    /// @param hours24 bit h allows an assignment in hour h UTC of the day; all 24 bits for always
    /// @param segmentsMax most segments of one job
    /// @param megaflopsMax most work of one job, in 1e6 FLOP
    /// @param rewardMinGwei least expected share of the reward, in 1e9 wei
    struct Consent {
        uint32 kinds;
        uint32 hours24;
        uint32 segmentsMax;
        uint64 megaflopsMax;
        uint64 rewardMinGwei;
    }

    /// @notice What an owner registers.
    /// @param operator key of the daemon; the owner itself is allowed
    /// @param roles bit 0 worker, bit 1 evaluator
    /// @param x25519Key where held-out keys are sealed to; evaluators need one
    /// @param capabilitiesDigest SHA-256 of the signed capability record
    /// @param peerId libp2p peer id, 64 bytes at most
    struct Entry {
        address operator;
        uint8 roles;
        bytes32 x25519Key;
        bytes32 capabilitiesDigest;
        bytes peerId;
        Consent consent;
    }

    /// @notice What a job asks of a worker's consent.
    struct Demand {
        uint8 kind;
        uint32 segments;
        uint64 megaflops;
        uint64 rewardGwei;
    }

    event Registered(
        address indexed owner,
        address indexed operator,
        uint32 id,
        uint8 roles,
        bytes32 x25519Key
    );
    event ProfileChanged(address indexed owner, bytes peerId, bytes32 capabilitiesDigest);
    event ConsentChanged(address indexed owner, Consent consent);

    /// @notice The owner's active stake is below the minimum.
    error StakeTooLow(uint256 activeWei, uint256 minimumWei);
    /// @notice The operator key works or worked for another owner.
    error OperatorTaken(address operator);
    /// @notice The operator did not sign its binding to the owner.
    error BadOperatorSignature();
    error NotRegistered(address account);
    error BadRoles(uint8 roles);
    error NoX25519Key();
    /// @notice All numbers are given away.
    error RegistryFull();
    error PeerIdTooLong(uint256 sizeBytes);
    /// @notice The account's role, stake or consent does not allow the job.
    error ConsentRefused(address owner);

    /// @notice Registers the sender as an owner, or replaces its entry.
    /// @param entry keys, roles and consent
    /// @param operatorSignature EIP-712 `OperatorBinding(address owner,address operator,uint256 nonce)` by the
    /// operator, nonce = `bindingNonce(owner)`; empty when the operator is the owner
    /// @return id number of the account, from 1 on, never reused
    function register(Entry calldata entry, bytes calldata operatorSignature) external returns (uint32 id);

    /// @notice Replaces the sender's consent record.
    function setConsent(Consent calldata consent) external;

    /// @notice Replaces the sender's peer id and capabilities.
    function setProfile(bytes calldata peerId, bytes32 capabilitiesDigest) external;

    /// @notice The next nonce of an owner's operator binding.
    function bindingNonce(address owner) external view returns (uint256);

    /// @notice Owner, number and roles behind an operator key; zeros when there is none.
    function operatorOf(address operator) external view returns (address owner, uint32 id, uint8 roles);

    /// @notice Number of the account for which a key works or ever worked, zero where there is none. It never changes, so
    /// that nobody drops what its key has signed.
    function holderOf(address operator) external view returns (uint32 id);

    /// @notice The owner with a number; zero when there is none.
    function ownerOf(uint32 id) external view returns (address owner);

    /// @notice Number of an owner; zero when it is not registered.
    function idOf(address owner) external view returns (uint32 id);

    /// @notice What an owner registered.
    function entryOf(address owner) external view returns (Entry memory entry);

    /// @notice Facts about an account.
    function reputationOf(address owner) external view returns (IStaking.Reputation memory reputation);

    /// @notice How many accounts are registered; ids run from 1 to this.
    function accountCount() external view returns (uint32);

    /// @notice Whether an owner's consent record allows a job now.
    function allows(address owner, Demand calldata demand) external view returns (bool);
}
