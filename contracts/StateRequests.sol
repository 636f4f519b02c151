// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "./interfaces/IJobManager.sol";
import {IJobTypes} from "./interfaces/IJobTypes.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {IStateRequests} from "./interfaces/IStateRequests.sol";
import {IValidatorSet} from "./interfaces/IValidatorSet.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {JobSlot} from "./libraries/JobSlot.sol";
import {Lottery} from "./libraries/Lottery.sol";
import {TermsWords} from "./libraries/TermsWords.sol";

/// @title Implements IStateRequests, as a part of the work ledger.
abstract contract StateRequests is IStateRequests {
    using TermsWords for IJobTypes.Terms;

    uint256 public constant STATE_ATTESTERS = 7;
    uint256 public constant STATE_BOND_WEI = 0.01 ether;
    uint256 public constant STATE_ANSWER_SECONDS = 30;
    uint256 public constant STATE_FETCH_SECONDS = 300;
    /// @dev Failures among seven that void a segment.
    uint256 private constant FAILURES = 5;
    uint256 private constant REQUEST_SEED_BLOCKS = 2;
    /// @dev Heights after which a request for which nobody drew is given up.
    uint256 private constant DRAW_HEIGHTS = 256;
    /// @dev For a bond's receiver: it must not be able to keep others from a ruling.
    uint256 private constant PAY_GAS = 30_000;
    address private constant BURNED = address(0xdead);
    /// @dev Away from the ledger's storage, whose first slots consensus reads.
    bytes32 private constant PLACE = keccak256("quern/state-requests/1");

    IJobManager public immutable jobs;
    IWorkerRegistry public immutable registry;
    IValidatorSet public immutable validators;
    IRandomness public immutable randomness;

    constructor(
        IJobManager jobs_,
        IWorkerRegistry registry_,
        IValidatorSet validators_,
        IRandomness randomness_
    ) {
        jobs = jobs_;
        registry = registry_;
        validators = validators_;
        randomness = randomness_;
    }

    /// @inheritdoc IStateRequests
    function requestState(
        IJobTypes.Terms calldata terms,
        address worker,
        uint32 segment,
        uint32 step
    ) external payable returns (bytes32 requestId) {
        bytes32 jobId = jobs.jobIdOf(terms);
        IJobTypes.JobState memory job = jobs.jobState(jobId);
        if (job.status != IJobTypes.Status.Attesting || !_isEvaluator(job)) revert NotEvaluator(msg.sender);
        if (!_hasSubmitted(job, worker) || segment >= terms.segmentCount()) revert NotSubmitter(worker);
        if (msg.value != STATE_BOND_WEI) revert BondWrong(STATE_BOND_WEI);
        requestId = stateRequestIdOf(jobId, job.attempt, worker, segment, step);
        StateRequest storage request = _requests()[requestId];
        _expect(request, RequestStatus.None);
        uint48 seedHeight = uint48(block.number + REQUEST_SEED_BLOCKS);
        (request.requester, request.seedHeight, request.status) = (
            msg.sender,
            seedHeight,
            RequestStatus.Open
        );
        request.jobId = jobId;
        emit StateRequested(jobId, requestId, job.attempt, worker, segment, step, seedHeight);
    }

    /// @inheritdoc IStateRequests
    function drawStateAttesters(bytes32 requestId) external returns (uint256[] memory drawn) {
        StateRequest storage request = _requests()[requestId];
        _expect(request, RequestStatus.Open);
        bytes32 seed = keccak256(abi.encode("state", randomness.seed(request.seedHeight), requestId));
        (uint256[] memory seats, uint64[] memory weights) = validators.setOf(validators.epoch());
        drawn = Lottery.draw(weights, seed, STATE_ATTESTERS);
        uint112 packed;
        for (uint256 i; i < drawn.length; ++i) {
            drawn[i] = seats[drawn[i]];
            packed |= uint112(drawn[i] << (16 * i));
        }
        (request.seats, request.drawn) = (packed, uint8(drawn.length));
        (request.status, request.until) = (
            RequestStatus.Drawn,
            uint40(block.timestamp + STATE_ANSWER_SECONDS)
        );
        emit StateAttestersDrawn(request.jobId, requestId, drawn, request.until);
    }

    /// @inheritdoc IStateRequests
    function attestState(bytes32 requestId, bool isServed) external {
        StateRequest storage request = _requests()[requestId];
        _expect(request, RequestStatus.Drawn);
        if (block.timestamp > request.until) revert RequestTooLate(request.until);
        (uint256 seat, ) = validators.seatOf(msg.sender);
        uint256 answered = request.served | request.missed;
        for (uint256 i; i < request.drawn; ++i) {
            if (uint16(request.seats >> (16 * i)) != seat || (answered >> i) & 1 == 1) continue;
            if (isServed) request.served |= uint8(1 << i);
            else request.missed |= uint8(1 << i);
            emit StateAttested(request.jobId, requestId, seat, isServed);
            return;
        }
        revert NotDrawn(msg.sender);
    }

    /// @inheritdoc IStateRequests
    function closeStateRequest(bytes32 requestId) external returns (RequestStatus status) {
        StateRequest storage request = _requests()[requestId];
        _expect(request, RequestStatus.Drawn);
        uint256 answered = request.served | request.missed;
        bool isOver = block.timestamp > request.until || answered == (1 << request.drawn) - 1;
        if (!isOver) revert RequestTooEarly(uint256(request.until) + 1);
        status = _ruling(request);
        if (status == RequestStatus.Served) request.until = uint40(block.timestamp + STATE_FETCH_SECONDS);
        _move(requestId, request, status);
        if (status != RequestStatus.Served) _pay(request.requester);
    }

    /// @inheritdoc IStateRequests
    function confirmState(bytes32 requestId) external {
        StateRequest storage request = _requests()[requestId];
        _expect(request, RequestStatus.Served);
        if (msg.sender != request.requester) revert NotEvaluator(msg.sender);
        if (block.timestamp > request.until) revert RequestTooLate(request.until);
        _move(requestId, request, RequestStatus.Fetched);
        _pay(msg.sender);
    }

    /// @inheritdoc IStateRequests
    function forfeitState(bytes32 requestId) external {
        StateRequest storage request = _requests()[requestId];
        if (request.status == RequestStatus.Open) {
            uint256 last = request.seedHeight + DRAW_HEIGHTS;
            if (block.number <= last) revert RequestTooEarly(last + 1);
        } else {
            _expect(request, RequestStatus.Served);
            if (block.timestamp <= request.until) revert RequestTooEarly(uint256(request.until) + 1);
        }
        _move(requestId, request, RequestStatus.Forfeited);
        _pay(BURNED);
    }

    /// @inheritdoc IStateRequests
    function stateRequestOf(bytes32 requestId) external view returns (StateRequest memory) {
        return _requests()[requestId];
    }

    /// @inheritdoc IStateRequests
    function stateRequestIdOf(
        bytes32 jobId,
        uint256 attempt,
        address worker,
        uint256 segment,
        uint256 step
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(jobId, attempt, worker, segment, step));
    }

    function _move(bytes32 requestId, StateRequest storage request, RequestStatus status) private {
        request.status = status;
        emit StateRequestMoved(request.jobId, requestId, status);
    }

    /// @dev A bond that its owner does not take is burned.
    function _pay(address to) private {
        (bool isPaid, ) = to.call{value: STATE_BOND_WEI, gas: PAY_GAS}("");
        if (!isPaid) (isPaid, ) = BURNED.call{value: STATE_BOND_WEI}("");
    }

    /// @dev Five failures of seven, or as large a part, rounded up, of fewer; one attester is enough to fetch from.
    function _ruling(StateRequest storage request) private view returns (RequestStatus) {
        uint256 failures = JobSlot.count(request.missed);
        if (failures != 0 && failures * STATE_ATTESTERS >= uint256(request.drawn) * FAILURES) {
            return RequestStatus.Withheld;
        }
        return request.served == 0 ? RequestStatus.Unanswered : RequestStatus.Served;
    }

    function _expect(StateRequest storage request, RequestStatus status) private view {
        if (request.status != status) revert WrongRequest(request.status);
    }

    function _isEvaluator(IJobTypes.JobState memory job) private view returns (bool) {
        (address owner, , ) = registry.operatorOf(msg.sender);
        for (uint256 i; i < job.evaluators.length; ++i) if (job.evaluators[i] == owner) return true;
        return false;
    }

    function _hasSubmitted(IJobTypes.JobState memory job, address worker) private pure returns (bool) {
        for (uint256 i; i < job.workers.length; ++i) {
            if (job.workers[i] == worker) return (job.submittedMask >> i) & 1 == 1;
        }
        return false;
    }

    function _requests() private pure returns (mapping(bytes32 => StateRequest) storage requests) {
        bytes32 place = PLACE;
        assembly ("memory-safe") {
            requests.slot := place
        }
    }
}
