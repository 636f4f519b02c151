// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "./IDisputeGame.sol";
import {IJobTypes} from "./IJobTypes.sol";

/// @title Terms, escrow, assignment, results, verdicts and settlement of jobs.
/// @notice Terms travel as calldata in every call and only a few packed slots of state are kept;
/// `jobId = keccak256(abi.encode(chainId, JobManager, client, nonce, keccak256(abi.encode(terms))))`.
///
/// Posted -> Running(attempt 0) -> Submitted -> Attesting -> Completed -> Settled. A verdict that names guilty or
/// withholding workers removes them and leads back to Running(attempt + 1). Cancelled and Expired are
/// the other ends. Every state but Completed has a deadline, after which anyone may call `expire`; Completed
/// may be settled by anyone at once.

interface IJobManager is IJobTypes {
    /// @notice Posts a job and moves reward and audit deposit into escrow: the client's balance in `Staking` first, the
    /// rest by its allowance to `Staking`.
    function postJob(Terms calldata terms) external returns (bytes32 jobId);

    /// @notice `postJob` and `assignWorkers` in one transaction, with workers that signed before.
    function openJob(Terms calldata terms, KeyConsent[] calldata consents) external returns (bytes32 jobId);

    /// @notice The sender's owner volunteers, within the window; its stake is locked until the assignment.
    function volunteer(Terms calldata terms) external;

    /// @notice Fixes the workers. Volunteer mode: anyone, once the seed's height is reached; `consents` empty.
    /// Offers and direct mode: the client, with a signed Offer or Acceptance of each worker, in worker order.
    function assignWorkers(Terms calldata terms, Consent[] calldata consents) external;

    /// @notice An active worker's result. With the last one the evaluation opens.
    function submitResult(Terms calldata terms, Result calldata result) external;

    /// @notice Results of all active workers that have not submitted, in worker order, with the model they share and
    /// the signatures of their keys. Anyone may send them.
    function submitResults(
        bytes32 jobId,
        bytes32 modelHash,
        bytes32 modelCidDigest,
        KeyResult[] calldata results
    ) external;

    /// @notice Draws the evaluators from the seed's height on. Anyone may call.
    function drawEvaluators(Terms calldata terms) external returns (address[] memory evaluators);

    /// @notice Whom `drawEvaluators` or `settleJob` would draw now.
    function previewEvaluators(Terms calldata terms) external view returns (address[] memory evaluators);

    /// @notice A drawn evaluator's commitment:
    /// keccak256(abi.encode(jobId, uint32 attempt, evaluator, verdictHash, salt)), verdictHash =
    /// keccak256(abi.encode(verdict)), evaluator = its owner.
    function commitVerdict(Terms calldata terms, bytes32 commitment) external;

    /// @notice Opens the sender's commitment, once all have committed or the commit window is over, and publishes the
    /// held-out key (zero when there is none). The last reveal concludes: `completeJob` or `slash`.
    function revealVerdict(
        Terms calldata terms,
        Verdict calldata verdict,
        bytes32 salt,
        bytes32 heldOutKey
    ) external;

    /// @notice Accepts a clean verdict that has its quorum, once all commitments are opened or the reveal window is over.
    /// Anyone may call.
    function completeJob(Terms calldata terms, Verdict calldata verdict) external;

    /// @notice Removes and slashes the workers that a verdict with quorum names, once all commitments are opened or the
    /// reveal window is over; the others redo the work. Anyone may call.
    function slash(Terms calldata terms, Verdict calldata verdict) external;

    /// @notice Takes the stake of a worker that lost a dispute about a claim of the job: 30 % to who showed it, 20 % to the
    /// client, the rest burned, by the terms' rates. Anyone may call, once for each worker. Where results are in and
    /// evaluators are to be drawn or attest, the worker is removed and the others begin again, as after a guilty
    /// verdict; the evaluators of the attempt are released unpaid. A running attempt goes on, since results on
    /// their way would count for another one, and so does what is completed, settled or expired: what was credited is
    /// not called back, and the worker's segments earn no units. Reverts with NotLost, NotParty (no worker of
    /// the job signed) or AlreadyDone (it was removed or proven before).
    function slashClaim(Terms calldata terms, IDisputeGame.Claim calldata claim) external;

    /// @notice Pays workers by credited segments, evaluators, the client's refund, and burns the rest. Anyone may call.
    /// @param verdict the accepted one
    function distributePayment(Terms calldata terms, Verdict calldata verdict) external;

    /// @notice Cooperative end in one call: draws the panel, takes its signatures under one clean verdict, pays.
    /// @param openings one of each drawn evaluator, in the order of `previewEvaluators`
    function settleJob(
        Terms calldata terms,
        Verdict calldata verdict,
        bytes32 heldOutKey,
        KeyOpening[] calldata openings
    ) external;

    /// @notice Fixes a round that has no certificate. The first call opens the round on chain for `roundSeconds`;
    /// calls until then present signed updates, one of each active worker counts; a call after that, or
    /// the one that completes the set, closes it. Active workers open, with one signed update at least;
    /// anyone presents and closes.
    function closeRound(Terms calldata terms, uint32 round, RoundUpdate[] calldata updates) external;

    /// @notice Takes back a job that is not assigned yet. Only the client.
    function cancel(Terms calldata terms) external;

    /// @notice Moves a job whose stage deadline has passed to where it can go. Anyone may call.
    /// Posted: refund. Running: evaluates what was submitted, or refunds and slashes. Submitted: pays who
    /// submitted. Attesting: slashes the silent and draws a further panel; after the last panel pays who submitted.
    function expire(Terms calldata terms) external;

    /// @notice The job's identifier.
    function jobIdOf(Terms calldata terms) external view returns (bytes32 jobId);

    /// @notice A job's stored state.
    function jobState(bytes32 jobId) external view returns (JobState memory state);

    /// @notice Who volunteered for a job.
    function volunteersOf(bytes32 jobId) external view returns (address[] memory owners);

    /// @notice A round that `closeRound` opened: worker bits presented, deadline (zero: never opened), and whether it
    /// is closed.
    function roundOf(
        bytes32 jobId,
        uint32 attempt,
        uint32 round
    ) external view returns (uint8 mask, uint64 deadline, bool isClosed);

    /// @notice Jobs that are neither settled, cancelled nor expired.
    function openJobs() external view returns (uint256);
}
