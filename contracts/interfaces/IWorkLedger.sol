// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "./IJobTypes.sol";

/// @title Segments of work, and the urn of units that elects the leaders of blocks. Owns no money of jobs.
/// @notice A worker with a seat in the validator set commits its segments while the job runs, before the steps to repeat
/// are drawn. Once the job is settled, which burned its fee, five drawn validators attest that its public files can
/// be fetched and that the commitments are those of its transcripts; then anyone matures the segments, which puts
/// units into the urn for 256 heights. Which units were elected stands in the headers of consensus blocks.
///
/// Storage, for reading without a call. Slot 0, from the low bits on: unitFlops 128 | unitPrice 64 in 1e9 wei |
/// betaBps 16 | powEvery 8. Slot 1: first 40 | next 40 | unitsLive 32 | epoch 40 | unitsCreated 32 (in that epoch; the
/// price of later ones follows from it) | newest height that is waited for 48. Slot 2: priceMin 64 | priceMax 64, in 1e9 wei. The urn are the entries from
/// `first` to `next` - 1; entry n stands in slots 3 + 4 (n mod 4096) and the three after it: segmentId; seat 32 |
/// units 16 | bornHeight 48 | segment 32 | flops 128; jobId; modelHash.
interface IWorkLedger {
    /// @notice What a worker says of a segment; with chain, ledger, job, attempt and worker it makes the segment's id.
    /// Six words: 192 bytes of calldata are all that an undisputed segment proves itself with.
    /// @param work from the low bits on: number within the worker's part of the job 32 | metered FLOP 128
    /// @param inputRoot root of the state before it
    /// @param outputRoot root of the state after it
    /// @param modelHash of the parameters after it
    /// @param stepRoot Merkle root over its steps
    /// @param dataPointer SHA-256 of the CID of what it read
    struct Segment {
        uint256 work;
        bytes32 inputRoot;
        bytes32 outputRoot;
        bytes32 modelHash;
        bytes32 stepRoot;
        bytes32 dataPointer;
    }

    /// @param unitFlops metered FLOP that a unit stands for; above zero
    /// @param priceMinGwei least burned fee that a unit stands for, in 1e9 wei; above zero
    /// @param priceMaxGwei most of it
    /// @param betaBps share of burned fees that comes back to leaders by work; at most 8,000
    /// @param powEvery every how many heights a unit may lead; at most 8, and 0 for never
    struct Rules {
        uint128 unitFlops;
        uint64 priceMinGwei;
        uint64 priceMaxGwei;
        uint16 betaBps;
        uint8 powEvery;
    }

    struct Entry {
        bytes32 segmentId;
        uint32 seat;
        uint16 units;
        uint48 bornHeight;
        uint32 segment;
        uint128 flops;
        bytes32 jobId;
        bytes32 modelHash;
    }

    event SegmentCommitted(
        bytes32 indexed jobId,
        address indexed worker,
        bytes32 segmentId,
        uint8 attempt,
        Segment segment
    );
    /// @notice The randomness of `seedHeight` draws who attests.
    event AttestationRequested(bytes32 indexed jobId, uint48 seedHeight);
    event AttestersDrawn(bytes32 indexed jobId, uint256[] seats);
    event Attested(bytes32 indexed jobId, uint256 indexed seat, uint8 workers);
    event SegmentMatured(
        bytes32 indexed jobId,
        bytes32 indexed segmentId,
        uint256 indexed seat,
        uint256 units
    );
    event RulesChanged(Rules rules);
    event EngineAllowed(bytes32 indexed engineId, bool isAllowed);

    error NotGovernance(address sender);
    /// @notice A rule is out of the bounds of the code; `field` is its index in the struct.
    error BadRule(uint8 field);
    /// @notice Only jobs in exact mode on an allowed engine earn units.
    error NotEligible(bytes32 jobId);
    error NotAssigned(address operator);
    /// @notice The steps to repeat may be known already, or the job has no attempt under way.
    error WindowClosed();
    error SegmentUnknown(uint256 segment);
    error AlreadyCommitted(uint256 segment);
    error NotSettled(bytes32 jobId);
    error TooEarly(uint256 height);
    error NotAttester(address sender);
    error AlreadyDone();
    error NotAttested(bytes32 jobId);
    /// @notice A proof removed the worker from the job: its segments earn nothing.
    error Void(address worker);
    /// @notice A claim of the worker is disputed, or was lost a short while ago.
    error Held(address worker);
    /// @notice More work than the terms meter.
    error TooManyFlops();
    /// @notice No room until older units have left the urn.
    error UrnFull();

    /// @notice Commits segments of the sender's owner, each once, from the assignment until evaluators can be drawn.
    function commitSegments(IJobTypes.Terms calldata terms, Segment[] calldata segments) external;

    /// @notice Asks for attesters of a settled job; after 256 heights again, for what is not matured by then.
    function requestAttestation(IJobTypes.Terms calldata terms) external;

    /// @notice Draws the attesters from the seed's height on: five validators by stake, all where there are fewer.
    function drawAttesters(bytes32 jobId) external returns (uint256[] memory seats);

    /// @notice The sender's validator fetched the job's public files, and the commitments of these workers are those of
    /// their transcripts. Four of five must say so of a worker.
    /// @param workers bits of worker indices; not none
    function attest(bytes32 jobId, uint8 workers) external;

    /// @notice Puts the units of committed segments of an attested job into the urn. Anyone may call.
    /// @param worker index of the worker in the job
    /// @param segments as they were committed
    /// @return units how many there are of them
    function mature(
        IJobTypes.Terms calldata terms,
        uint256 worker,
        Segment[] calldata segments
    ) external returns (uint256 units);

    /// @notice Sets the rules. Only the timelock of governance. The least price is not above the present one while units
    /// are live: lifted by more than a step, it would pay those that lead more than was burned for them.
    function setRules(Rules calldata rules) external;

    /// @notice Lets jobs of an engine earn units, or not. Only the timelock of governance.
    function allowEngine(bytes32 engineId, bool isAllowed) external;

    /// @notice keccak256(abi.encode(chainId, ledger, jobId, attempt, worker, segment)).
    function segmentIdOf(
        bytes32 jobId,
        uint256 attempt,
        address worker,
        Segment calldata segment
    ) external view returns (bytes32);

    function rules() external view returns (Rules memory);

    /// @notice The price of a unit at the present height, in 1e9 wei.
    function unitPriceGwei() external view returns (uint256);

    /// @notice Entries of the urn: those from `first` to `next` - 1 may be live.
    function urn() external view returns (uint256 first, uint256 next, uint256 unitsLive);

    function entryAt(uint256 place) external view returns (Entry memory);

    /// @notice How much is under way, so that the chain makes a block every second: open jobs, and one more while the
    /// randomness that draws attesters is waited for, or the first draw of new units.
    function openWork() external view returns (uint256);
}
