// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "./IJobTypes.sol";

/// @title Whether a worker serves the state before a drawn step, where no single word decides.
/// @notice An evaluator that cannot get a state opens a request with a bond. Seven drawn validators try to fetch it and
/// serve it again; each says on chain whether it could. Where five of seven could not (as large a part, rounded up, of
/// fewer), the state is withheld and the bond comes back: verdicts may name the worker. Where one served it, the requester
/// fetches it from there and says so in time, or its bond is burned. Silence is no failure: where nobody served it and
/// too few failed, nothing is ruled and the bond comes back.
interface IStateRequests {
    enum RequestStatus {
        None,
        Open,
        Drawn,
        Withheld,
        Served,
        Fetched,
        Forfeited,
        Unanswered
    }

    /// @param until unix seconds: the end of the answers, then of the fetching
    /// @param served bits of attesters, by their place in `seats`
    /// @param missed bits of those that could not fetch it
    /// @param seats of the attesters, 16 bits each
    struct StateRequest {
        address requester;
        uint48 seedHeight;
        uint40 until;
        RequestStatus status;
        bytes32 jobId;
        uint112 seats;
        uint8 drawn;
        uint8 served;
        uint8 missed;
    }

    event StateRequested(
        bytes32 indexed jobId,
        bytes32 indexed requestId,
        uint8 attempt,
        address worker,
        uint32 segment,
        uint32 step,
        uint64 seedHeight
    );
    event StateAttestersDrawn(
        bytes32 indexed jobId,
        bytes32 indexed requestId,
        uint256[] seats,
        uint64 until
    );
    event StateAttested(bytes32 indexed jobId, bytes32 indexed requestId, uint256 seat, bool isServed);
    event StateRequestMoved(bytes32 indexed jobId, bytes32 indexed requestId, RequestStatus status);

    error NotEvaluator(address account);
    error NotSubmitter(address worker);
    error BondWrong(uint256 wantedWei);
    error WrongRequest(RequestStatus status);
    error RequestTooEarly(uint256 time);
    error RequestTooLate(uint256 time);
    error NotDrawn(address account);

    /// @notice Opens a request, by the operator of an evaluator that was drawn in the present attempt, once for a step.
    /// The sender gives `STATE_BOND_WEI` of the chain's coin.
    /// @param worker owner, who has submitted in this attempt
    /// @param step within the segment
    function requestState(
        IJobTypes.Terms calldata terms,
        address worker,
        uint32 segment,
        uint32 step
    ) external payable returns (bytes32 requestId);

    /// @notice Draws the attesters by the randomness two heights after the request. Anyone may call.
    function drawStateAttesters(bytes32 requestId) external returns (uint256[] memory seats);

    /// @notice An attester's word, by the owner of its seat, once.
    function attestState(bytes32 requestId, bool isServed) external;

    /// @notice Decides, once all have answered or their time is over. Anyone may call.
    function closeStateRequest(bytes32 requestId) external returns (RequestStatus);

    /// @notice The requester has fetched the served state: its bond comes back.
    function confirmState(bytes32 requestId) external;

    /// @notice Burns the bond of a requester that did not, or for whose request nobody drew in 256 heights. Anyone may call.
    function forfeitState(bytes32 requestId) external;

    function stateRequestOf(bytes32 requestId) external view returns (StateRequest memory);

    function stateRequestIdOf(
        bytes32 jobId,
        uint256 attempt,
        address worker,
        uint256 segment,
        uint256 step
    ) external pure returns (bytes32);
}
