// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IHolds} from "./interfaces/IHolds.sol";
import {IJobManager} from "./interfaces/IJobManager.sol";
import {IJobTypes} from "./interfaces/IJobTypes.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {IValidatorSet} from "./interfaces/IValidatorSet.sol";
import {IWorkLedger} from "./interfaces/IWorkLedger.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {StateRequests} from "./StateRequests.sol";
import {Lottery} from "./libraries/Lottery.sol";
import {Shares} from "./libraries/Shares.sol";
import {TermsWords} from "./libraries/TermsWords.sol";
import {UnitRules} from "./libraries/UnitRules.sol";

/// @title Implements IWorkLedger.
contract WorkLedger is IWorkLedger, StateRequests {
    using TermsWords for IJobTypes.Terms;

    uint256 public constant ATTESTERS = 5;
    /// @dev Places of the urn: as many as units, so that nobody fills it with small segments.
    uint256 private constant RING = 4096;
    /// @dev From a request to the height whose randomness answers it.
    uint256 private constant SEED_BLOCKS = 2;
    /// @dev Heights after which silent attesters are replaced.
    uint256 private constant ATTEST_HEIGHTS = 256;
    /// @dev Most entries that one call clears from the urn's old end.
    uint256 private constant CLEARED_MAX = 256;
    uint256 private constant BETA_BPS_MAX = 8000;
    uint256 private constant POW_EVERY_MAX = 8;

    struct Price {
        uint128 unitFlops;
        uint64 unitPriceGwei;
        uint16 betaBps;
        uint8 powEvery;
    }

    struct Head {
        uint40 first;
        uint40 next;
        uint32 unitsLive;
        uint40 epoch;
        uint32 unitsCreated;
        uint48 awaitedHeight;
    }

    struct Bounds {
        uint64 minGwei;
        uint64 maxGwei;
    }

    /// @param seedHeight of the present drawing; zero before the first request
    /// @param attempt that was settled
    /// @param drawn attesters
    /// @param seats of the attesters, 16 bits each
    /// @param words of the attesters, 8 bits each: the workers of whom they attest
    /// @param flops matured so far
    struct Claim {
        uint48 seedHeight;
        uint8 attempt;
        uint8 drawn;
        uint80 seats;
        uint40 words;
        uint128 flops;
    }

    /// @dev The first things in storage, in these slots: see IWorkLedger.
    Price private _price;
    Head private _head;
    Bounds private _bounds;
    Entry[RING] private _ring;

    mapping(bytes32 jobId => Claim) private _claims;
    /// @dev Key: hash of (jobId, attempt, worker, segment). Deleted once matured.
    mapping(bytes32 key => bytes32 segmentId) private _committed;
    mapping(bytes32 engineId => bool) public isEngineAllowed;

    address public immutable timelock;
    IHolds public immutable disputes;

    modifier onlyGovernance() {
        if (msg.sender != timelock) revert NotGovernance(msg.sender);
        _;
    }

    /// @param engineId the first engine whose jobs earn units; zero for none
    /// @param powEvery_ every how many heights a unit may lead at first
    constructor(
        IJobManager jobs_,
        IWorkerRegistry registry_,
        IValidatorSet validators_,
        IRandomness randomness_,
        address timelock_,
        IHolds disputes_,
        uint256 engineId,
        uint128 unitFlops,
        uint64 unitPriceGwei_,
        uint8 powEvery_
    ) StateRequests(jobs_, registry_, validators_, randomness_) {
        if (powEvery_ > POW_EVERY_MAX) revert BadRule(4);
        timelock = timelock_;
        disputes = disputes_;
        _price = Price(unitFlops, unitPriceGwei_, 8000, powEvery_);
        _bounds = Bounds(1e3, 1e15);
        _head.epoch = uint40(block.number / UnitRules.LIVE_HEIGHTS);
        if (engineId != 0) isEngineAllowed[bytes32(engineId)] = true;
    }

    /// @inheritdoc IWorkLedger
    function commitSegments(IJobTypes.Terms calldata terms, Segment[] calldata segments) external {
        bytes32 jobId = jobs.jobIdOf(terms);
        if (terms.mode() != 0 || !isEngineAllowed[terms.engineId]) revert NotEligible(jobId);
        IJobTypes.JobState memory job = jobs.jobState(jobId);
        if (!_isOpen(job)) revert WindowClosed();
        address owner = _workerOf(job);
        (, IValidatorSet.Seat memory seat) = validators.seatOf(owner);
        if (seat.readyAt != 0 || seat.sinceHeight >= block.number) revert NotAssigned(msg.sender);
        for (uint256 i; i < segments.length; ++i) {
            Segment calldata segment = segments[i];
            uint256 number = _numberOf(segment);
            if (number >= terms.segmentCount() || _flopsOf(segment) == 0) revert SegmentUnknown(number);
            bytes32 key = _keyOf(jobId, job.attempt, owner, number);
            if (_committed[key] != 0) revert AlreadyCommitted(number);
            bytes32 segmentId = segmentIdOf(jobId, job.attempt, owner, segment);
            _committed[key] = segmentId;
            emit SegmentCommitted(jobId, owner, segmentId, job.attempt, segment);
        }
    }

    /// @inheritdoc IWorkLedger
    function requestAttestation(IJobTypes.Terms calldata terms) external {
        bytes32 jobId = jobs.jobIdOf(terms);
        IJobTypes.JobState memory job = jobs.jobState(jobId);
        if (job.status != IJobTypes.Status.Settled) revert NotSettled(jobId);
        Claim memory claim = _claims[jobId];
        uint256 until = uint256(claim.seedHeight) + ATTEST_HEIGHTS;
        if (claim.seedHeight != 0 && block.number <= until) revert TooEarly(until + 1);
        uint48 seedHeight = uint48(block.number + SEED_BLOCKS);
        _claims[jobId] = Claim(seedHeight, job.attempt, 0, 0, 0, claim.flops);
        _head.awaitedHeight = seedHeight;
        emit AttestationRequested(jobId, seedHeight);
    }

    /// @inheritdoc IWorkLedger
    function drawAttesters(bytes32 jobId) external returns (uint256[] memory seats) {
        Claim memory claim = _claims[jobId];
        if (claim.seedHeight == 0) revert NotSettled(jobId);
        if (claim.drawn != 0) revert AlreadyDone();
        bytes32 seed = keccak256(abi.encode("attesters", randomness.seed(claim.seedHeight), jobId));
        uint64[] memory weights;
        (seats, weights) = validators.setOf(validators.epoch());
        uint256[] memory drawn = Lottery.draw(weights, seed, ATTESTERS);
        if (drawn.length == 0) revert NotAttested(jobId);
        for (uint256 i; i < drawn.length; ++i) {
            drawn[i] = seats[drawn[i]];
            claim.seats |= uint80(drawn[i] << (16 * i));
        }
        claim.drawn = uint8(drawn.length);
        _claims[jobId] = claim;
        emit AttestersDrawn(jobId, drawn);
        return drawn;
    }

    /// @inheritdoc IWorkLedger
    function attest(bytes32 jobId, uint8 workers) external {
        Claim memory claim = _claims[jobId];
        (uint256 seat, ) = validators.seatOf(msg.sender);
        for (uint256 i; i < claim.drawn; ++i) {
            if (uint16(claim.seats >> (16 * i)) != seat) continue;
            if (workers == 0 || uint8(claim.words >> (8 * i)) != 0) revert AlreadyDone();
            _claims[jobId].words = claim.words | (uint40(workers) << uint40(8 * i));
            emit Attested(jobId, seat, workers);
            return;
        }
        revert NotAttester(msg.sender);
    }

    /// @inheritdoc IWorkLedger
    function mature(
        IJobTypes.Terms calldata terms,
        uint256 worker,
        Segment[] calldata segments
    ) external returns (uint256 units) {
        bytes32 jobId = jobs.jobIdOf(terms);
        Claim memory claim = _claims[jobId];
        if (!_isAttested(claim, worker)) revert NotAttested(jobId);
        address owner = _earnerOf(jobId, worker);
        (uint256 seat, IValidatorSet.Seat memory leader) = validators.seatOf(owner);
        if (leader.readyAt != 0 || leader.stakeGwei == 0) revert NotAssigned(owner);
        Head memory head = _advance();
        for (uint256 i; i < segments.length; ++i) {
            Segment calldata segment = segments[i];
            bytes32 segmentId = _take(jobId, claim.attempt, owner, segment);
            claim.flops += _flopsOf(segment);
            uint256 ofSegment = _unitsOf(terms, _flopsOf(segment));
            emit SegmentMatured(jobId, segmentId, seat, ofSegment);
            if (ofSegment == 0) continue;
            units += ofSegment;
            Entry memory entry = _entryOf(jobId, segmentId, segment);
            (entry.seat, entry.units) = (uint32(seat), uint16(ofSegment));
            _put(head, entry);
        }
        if (claim.flops > terms.flops()) revert TooManyFlops();
        _claims[jobId].flops = claim.flops;
        if (units != 0) head.awaitedHeight = uint48(block.number + SEED_BLOCKS);
        _head = head;
    }

    /// @inheritdoc IWorkLedger
    function setRules(Rules calldata rules_) external onlyGovernance {
        if (rules_.unitFlops == 0) revert BadRule(0);
        if (rules_.priceMinGwei == 0) revert BadRule(1);
        if (rules_.priceMaxGwei < rules_.priceMinGwei) revert BadRule(2);
        if (rules_.betaBps > BETA_BPS_MAX) revert BadRule(3);
        if (rules_.powEvery > POW_EVERY_MAX) revert BadRule(4);
        Head memory head = _advance();
        _head = head;
        uint64 price = _price.unitPriceGwei;
        if (price < rules_.priceMinGwei && head.unitsLive != 0) revert BadRule(1);
        if (price < rules_.priceMinGwei) price = rules_.priceMinGwei;
        if (price > rules_.priceMaxGwei) price = rules_.priceMaxGwei;
        _price = Price(rules_.unitFlops, price, rules_.betaBps, rules_.powEvery);
        _bounds = Bounds(rules_.priceMinGwei, rules_.priceMaxGwei);
        emit RulesChanged(rules_);
    }

    /// @inheritdoc IWorkLedger
    function allowEngine(bytes32 engineId, bool isAllowed) external onlyGovernance {
        isEngineAllowed[engineId] = isAllowed;
        emit EngineAllowed(engineId, isAllowed);
    }

    /// @inheritdoc IWorkLedger
    function segmentIdOf(
        bytes32 jobId,
        uint256 attempt,
        address worker,
        Segment calldata segment
    ) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), jobId, attempt, worker, segment));
    }

    /// @inheritdoc IWorkLedger
    function rules() external view returns (Rules memory) {
        Price memory price = _price;
        return Rules(price.unitFlops, _bounds.minGwei, _bounds.maxGwei, price.betaBps, price.powEvery);
    }

    /// @inheritdoc IWorkLedger
    function unitPriceGwei() external view returns (uint256 priceGwei) {
        (priceGwei, ) = _priceNow(_head);
    }

    /// @inheritdoc IWorkLedger
    function urn() external view returns (uint256 first, uint256 next, uint256 unitsLive) {
        return (_head.first, _head.next, _head.unitsLive);
    }

    /// @inheritdoc IWorkLedger
    function entryAt(uint256 place) external view returns (Entry memory) {
        return _ring[place % RING];
    }

    /// @inheritdoc IWorkLedger
    function openWork() external view returns (uint256) {
        return jobs.openJobs() + (block.number <= _head.awaitedHeight ? 1 : 0);
    }

    /// @dev Moves the price to the present epoch and clears entries that have left the urn; the caller saves the head.
    function _advance() private returns (Head memory head) {
        head = _head;
        (uint256 price, uint256 epoch) = _priceNow(head);
        if (epoch != head.epoch) {
            _price.unitPriceGwei = uint64(price);
            head.epoch = uint40(epoch);
            head.unitsCreated = 0;
        }
        for (uint256 i; i < CLEARED_MAX && head.first < head.next; ++i) {
            Entry storage oldest = _ring[head.first % RING];
            if (oldest.bornHeight + UnitRules.LIVE_HEIGHTS > block.number) break;
            head.unitsLive -= oldest.units;
            ++head.first;
        }
    }

    function _entryOf(
        bytes32 jobId,
        bytes32 segmentId,
        Segment calldata segment
    ) private view returns (Entry memory entry) {
        entry.segmentId = segmentId;
        entry.bornHeight = uint48(block.number);
        entry.segment = _numberOf(segment);
        entry.flops = _flopsOf(segment);
        entry.jobId = jobId;
        entry.modelHash = segment.modelHash;
    }

    function _put(Head memory head, Entry memory entry) private {
        bool isFull = head.unitsLive + entry.units > UnitRules.UNITS_MAX || head.next - head.first == RING;
        if (isFull) revert UrnFull();
        _ring[head.next % RING] = entry;
        ++head.next;
        head.unitsLive += entry.units;
        head.unitsCreated += entry.units;
    }

    /// @dev Takes a commitment out: each matures once.
    function _take(
        bytes32 jobId,
        uint256 attempt,
        address owner,
        Segment calldata segment
    ) private returns (bytes32 segmentId) {
        uint256 number = _numberOf(segment);
        bytes32 key = _keyOf(jobId, attempt, owner, number);
        segmentId = segmentIdOf(jobId, attempt, owner, segment);
        if (_committed[key] != segmentId) revert SegmentUnknown(number);
        delete _committed[key];
    }

    /// @dev Of what the job burned, a segment has the part that it has of the metered work.
    function _unitsOf(IJobTypes.Terms calldata terms, uint256 flops) private view returns (uint256) {
        uint64 reward = terms.rewardGwei();
        uint256 burnedGwei =
            reward - Shares.ofBps(reward, terms.workerBps()) - Shares.ofBps(reward, terms.evaluatorBps());
        uint256 share = (burnedGwei * flops) / terms.flops();
        return UnitRules.unitsOf(flops, share, _price.unitFlops, _price.unitPriceGwei);
    }

    function _priceNow(Head memory head) private view returns (uint256 priceGwei, uint256 epoch) {
        epoch = block.number / UnitRules.LIVE_HEIGHTS;
        priceGwei = UnitRules.priceAfter(
            _price.unitPriceGwei,
            head.unitsCreated,
            epoch - head.epoch,
            _bounds.minGwei,
            _bounds.maxGwei
        );
    }

    /// @dev The sender's owner, where it works in the present attempt.
    function _workerOf(IJobTypes.JobState memory job) private view returns (address owner) {
        (owner, , ) = registry.operatorOf(msg.sender);
        for (uint256 i; i < job.workers.length; ++i) {
            if (job.workers[i] == owner && (job.activeMask >> i) & 1 == 1) return owner;
        }
        revert NotAssigned(msg.sender);
    }

    /// @dev A worker that no verdict and no proof removed, and whose word nobody disputes.
    function _earnerOf(bytes32 jobId, uint256 worker) private view returns (address owner) {
        IJobTypes.JobState memory job = jobs.jobState(jobId);
        owner = job.workers[worker];
        if ((job.activeMask >> worker) & 1 == 0) revert Void(owner);
        if (disputes.isHeld(owner)) revert Held(owner);
    }

    /// @dev From the assignment until the randomness that draws steps and evaluators is there.
    function _isOpen(IJobTypes.JobState memory job) private view returns (bool) {
        if (job.status == IJobTypes.Status.Running) return true;
        return job.status == IJobTypes.Status.Submitted && block.number < job.seedHeight;
    }

    /// @dev Four of five attest of the worker; all but a fifth, rounded down, where fewer were drawn.
    function _isAttested(Claim memory claim, uint256 worker) private pure returns (bool) {
        uint256 count;
        for (uint256 i; i < claim.drawn; ++i) count += (claim.words >> (8 * i + worker)) & 1;
        return worker < 8 && claim.drawn != 0 && count >= claim.drawn - claim.drawn / ATTESTERS;
    }

    function _numberOf(Segment calldata segment) private pure returns (uint32) {
        return uint32(segment.work);
    }

    function _flopsOf(Segment calldata segment) private pure returns (uint128) {
        return uint128(segment.work >> 32);
    }

    function _keyOf(
        bytes32 jobId,
        uint256 attempt,
        address owner,
        uint256 segment
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(jobId, attempt, owner, segment));
    }
}
