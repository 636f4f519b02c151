// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What jobs are made of: terms, results, verdicts, states, events, errors.
/// @notice EIP-712 domain: name "Quern", version "1", chainId, verifyingContract = the job manager. Types:
///   Offer(bytes32 jobId,address worker,uint64 validUntil)
///   Acceptance(bytes32 jobId,address worker,uint64 validUntil)
///   Result(bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,bytes32 segmentsRoot,
///     bytes32 transcriptCidDigest)
///   Verdict(bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,int64 metricMicros,
///     uint128 segments,uint8 guiltyMask,uint8 withheldMask,uint16 lazyMask,
///       bytes32 evidenceDigest)
///   RoundUpdate(bytes32 jobId,uint32 attempt,uint32 round,bytes32 updateRoot,bytes32 cidDigest)
/// Signers are operator keys, `worker` is the owner. All amounts are wei and whole multiples of 1e9.
interface IJobTypes {
    enum Status {
        None,
        Posted,
        Running,
        Submitted,
        Attesting,
        Completed,
        Settled,
        Cancelled,
        Expired
    }

    /// @notice Terms in six words, fields from the low bits on; all amounts in 1e9 wei. Numbers in brackets are those
    /// that BadTerms names.
    ///   parties: client 160 (who pays; sends `postJob`) [0] | nonce 64 (chosen by the client, makes the job unique)
    ///     [1] | slateVersion 32 (`EvaluatorPool.slateVersion` at posting: whom the held-out key is sealed to) [10]
    ///   amounts: reward 64 (paid for the work) [3] | auditDeposit 64 (pays attestations after the first; the rest is
    ///     refunded) [4] | workerStake 64 (locked of each worker) [5] | evaluatorStake 64 (of each evaluator) [6]
    ///   work: flops 128 (metered work of all segments together) [7] | segmentCount 32 (segments of one worker in one
    ///     attempt, at most) [28] | workerCount 8 (1 to 8) [11] | workerCountMin 8 (with fewer volunteers than this
    ///     the job is refunded) [12] | evaluatorCount 8 (1 to 8 in the first panel; later panels have up to 7) [13] |
    ///     matchMode 8 (0 volunteer, 1 offers, 2 direct) [14] | mode 8 (0 exact, 1 tolerant) [15] | kind 8 (bit of the consent
    ///     record) [16] | workerBps 16 (share of the workers in the reward, in 1/10,000) [17] | evaluatorBps 16 (share
    ///     of the evaluators; the rest of the reward is burned) [18] | timeoutBps 16 (part of the lock that a silent
    ///     worker or evaluator loses) [21]
    ///   windows, in seconds, 32 bits each: volunteer (how long workers may volunteer) [22] | run (how long an attempt
    ///     may take; with other modes also how long assignment may take) [23] | draw (from the submission to the
    ///     drawing of evaluators, at most) [24] | commit (from drawing to the last commitment, at most) [25] | reveal
    ///     [26] | round (how long `closeRound` waits for signed updates) [27]; then reporterBps 16 (share in a slashed
    ///     amount of the evaluators that agreed) [19] | clientBps 16 (share of the client in it; the rest is burned)
    ///     [20] | 32 zero bits [29]
    /// @param engineId the engine whose bits count
    /// @param specDigest SHA-256 of the canonical job specification (its CID's digest)
    struct Terms {
        uint256 parties;
        uint256 amounts;
        uint256 work;
        uint256 windows;
        bytes32 engineId;
        bytes32 specDigest;
    }

    /// @param modelHash SHA256(modelRoot | SHA256(canonical manifest without CIDs))
    /// @param modelCidDigest SHA-256 of the model directory's CID
    /// @param segmentsRoot SHA-256 Merkle root over the worker's segment records
    /// @param transcriptCidDigest SHA-256 of the file with all records and round lists
    struct Result {
        bytes32 modelHash;
        bytes32 modelCidDigest;
        bytes32 segmentsRoot;
        bytes32 transcriptCidDigest;
    }

    /// @notice What evaluators agree on, field for field.
    /// @param modelHash of the replayed model
    /// @param modelCidDigest from the result of the lowest-index submitting worker named in neither mask; zero if none
    /// @param metricMicros accuracy or R2 in millionths
    /// @param segments credited segments, 16 bits for each worker index, index 0 lowest
    /// @param guiltyMask bits of worker indices whose replay differed
    /// @param withheldMask bits of worker indices that did not serve what was drawn
    /// @param lazyMask bits of the attempt's evaluators, in the order in which they were drawn, that signed a tag for a
    /// step they did not compute, or a false word about it
    /// @param evidenceDigest SHA-256 of the evidence file; zero when there is none
    struct Verdict {
        bytes32 modelHash;
        bytes32 modelCidDigest;
        int64 metricMicros;
        uint128 segments;
        uint8 guiltyMask;
        uint8 withheldMask;
        uint16 lazyMask;
        bytes32 evidenceDigest;
    }

    /// @notice A worker's signed word for an assignment.
    /// @param operator key that signed
    /// @param validUntil unix seconds
    struct Consent {
        address operator;
        uint64 validUntil;
        bytes signature;
    }

    /// @notice A worker's word for an assignment, signed by a key.
    /// @param signer operator 160 | validUntil 64 (unix seconds)
    /// @param r of the signature
    /// @param vs of the signature, as in EIP-2098
    struct KeyConsent {
        uint256 signer;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice The part of a worker's result that others do not share, and a key's signature over EIP-712 `Result`.
    struct KeyResult {
        bytes32 segmentsRoot;
        bytes32 transcriptCidDigest;
        bytes32 r;
        bytes32 vs;
    }

    /// @notice An evaluator's key's signature over EIP-712 `Verdict`.
    struct KeyOpening {
        bytes32 r;
        bytes32 vs;
    }

    /// @notice A worker's own part of a result.
    struct Roots {
        bytes32 segmentsRoot;
        bytes32 transcriptCidDigest;
    }

    /// @notice A worker's signed update of a round.
    struct RoundUpdate {
        address operator;
        bytes32 updateRoot;
        bytes32 cidDigest;
        bytes signature;
    }

    /// @notice Stored state of a job. Masks are over worker indices, or over indices of `evaluators`.
    /// @param attempt 0 at first
    /// @param panel 0 for the first evaluators of an attempt, 1 after a redraw
    /// @param activeMask who takes part in the attempt; once it is over, without those that lost a dispute
    /// @param deadline unix seconds at which the present stage ends
    /// @param seedHeight height whose randomness decides the pending drawing
    /// @param auditSpentWei part of the audit deposit already paid
    /// @param workers owners by worker index; empty before the assignment
    /// @param evaluators owners drawn in this attempt, all panels
    struct JobState {
        Status status;
        uint8 attempt;
        uint8 panel;
        uint8 activeMask;
        uint8 submittedMask;
        uint8 volunteerCount;
        uint16 committedMask;
        uint16 revealedMask;
        uint64 deadline;
        uint64 seedHeight;
        uint256 auditSpentWei;
        address[] workers;
        address[] evaluators;
    }

    event JobPosted(bytes32 indexed jobId, address indexed client, Terms terms);
    event Volunteered(bytes32 indexed jobId, address indexed worker);
    /// @notice The randomness of `beaconHeight` is the job's beacon.
    event WorkersAssigned(bytes32 indexed jobId, address[] workers, uint64 beaconHeight);
    event ResultSubmitted(bytes32 indexed jobId, uint32 attempt, address indexed worker, Result result);
    /// @notice All workers of the mask handed in the same model together; `roots` are theirs, in worker-index order. The
    /// randomness of `seedHeight` draws the evaluators and the steps they repeat.
    /// @param stage attempt 32 | mask 32 | seedHeight 64
    event ResultsSubmitted(
        bytes32 indexed jobId,
        uint256 stage,
        bytes32 modelHash,
        bytes32 modelCidDigest,
        Roots[] roots
    );
    /// @notice JobPosted and WorkersAssigned in one, by `openJob`.
    event JobOpened(bytes32 indexed jobId, Terms terms, uint64 beaconHeight, address[] workers);
    /// @notice The randomness of `seedHeight` draws the evaluators and the steps they repeat.
    event EvaluationOpened(bytes32 indexed jobId, uint32 attempt, uint64 seedHeight);
    /// @notice A further panel is drawn by the randomness of `seedHeight`; the steps to repeat stay those of
    /// `EvaluationOpened`, so that all verdicts of an attempt are about the same steps.
    event RedrawOpened(bytes32 indexed jobId, uint32 attempt, uint8 panel, uint64 seedHeight);
    event EvaluatorsDrawn(
        bytes32 indexed jobId,
        uint32 attempt,
        uint8 panel,
        address[] evaluators,
        uint64 commitDeadline
    );
    event VerdictCommitted(
        bytes32 indexed jobId,
        uint32 attempt,
        address indexed evaluator,
        bytes32 commitment
    );
    event VerdictRevealed(bytes32 indexed jobId, uint32 attempt, address indexed evaluator, Verdict verdict);
    /// @notice The key of the held-out part, so that anyone can repeat the evaluation.
    event HeldOutKey(bytes32 indexed jobId, bytes32 key);
    /// @notice Workers named by a verdict or a proof, and what each lost. A proof has no evidence file.
    event WorkersSlashed(
        bytes32 indexed jobId,
        uint32 attempt,
        address[] workers,
        uint256[] amountsWei,
        bytes32 evidenceDigest
    );
    /// @notice A worker's claim was lost in a dispute; what that took from it is in the WorkersSlashed that follows.
    event ClaimLost(bytes32 indexed jobId, bytes32 indexed claimId, address worker, address reporter);
    /// @notice Workers that did not submit in time, and what each lost.
    event WorkersTimedOut(bytes32 indexed jobId, uint32 attempt, address[] workers, uint256[] amountsWei);
    /// @notice Evaluators that kept silent or were outvoted, and what each lost.
    event EvaluatorsSlashed(
        bytes32 indexed jobId,
        uint32 attempt,
        address[] evaluators,
        uint256[] amountsWei
    );
    /// @notice A new attempt runs with the workers of the mask.
    event AttemptStarted(bytes32 indexed jobId, uint32 attempt, uint8 activeMask, uint64 deadline);
    event JobCompleted(bytes32 indexed jobId, bytes32 modelHash, bytes32 modelCidDigest, int64 metricMicros);
    /// @notice Credits to ledger balances out of the escrow and out of slashed stake. May appear several times in a
    /// job's life; the sum over all of amounts, refund and burn is escrow + slashed stake.
    /// @param postings one word for each receiver but the refunded client: account 160 | amount 64, in 1e9 wei | more,
    /// see `libraries/Posting.sol`
    event PaymentDistributed(bytes32 indexed jobId, uint256[] postings, uint256 refundWei, uint256 burnedWei);
    event JobSettled(bytes32 indexed jobId);
    /// @notice All drawn evaluators signed the verdict: the job is completed, paid and settled at once. Workers with
    /// credit come first, then the evaluators; a posting without a fact is the client's refund.
    /// @param heldOutKey zero when there is none
    /// @param postings as in PaymentDistributed
    event JobAgreed(
        bytes32 indexed jobId,
        Verdict verdict,
        bytes32 heldOutKey,
        uint256 burnedWei,
        uint256[] postings
    );
    event JobCancelled(bytes32 indexed jobId, uint256 refundWei);
    /// @notice `refundWei` is what the client gets back now; what others get is in `PaymentDistributed`.
    event JobExpired(bytes32 indexed jobId, Status from, uint256 refundWei);
    event RoundOpened(bytes32 indexed jobId, uint32 attempt, uint32 round, uint64 deadline);
    event RoundUpdatePresented(
        bytes32 indexed jobId,
        uint32 attempt,
        uint32 round,
        address indexed worker,
        bytes32 updateRoot,
        bytes32 cidDigest
    );
    /// @notice The round aggregates the presented updates of the mask, in worker-index order.
    event RoundClosed(bytes32 indexed jobId, uint32 attempt, uint32 round, uint8 mask);

    /// @notice The call does not fit the job's state.
    error WrongStatus(Status status);
    error NotClient(address sender);
    /// @notice A field of the terms is out of its bounds; `field` is its number in the description of `Terms`.
    error BadTerms(uint8 field);
    error JobExists(bytes32 jobId);
    error Paused(uint256 until);
    /// @notice The slate changed since the client sealed its key.
    error SlateChanged(uint64 version);
    error TooFewEvaluators(uint256 seated);
    error TooEarly(uint256 from);
    error TooLate(uint256 until);
    error NotParty(address sender);
    error AlreadyDone(address account);
    error TooManyVolunteers();
    error TooFewWorkers(uint256 count);
    error BadSignature(address operator);
    error SignatureExpired(uint256 validUntil);
    error BadCommitment();
    /// @notice A credited share or a mask of the verdict does not fit the job.
    error BadVerdict();
    /// @notice Not enough evaluators agree on this verdict.
    error NoQuorum();
    /// @notice A verdict has its quorum (first half of its hash): call `completeJob` or `slash` with it.
    error QuorumReached(bytes16 verdictHash);
    /// @notice The claim is about another job, or was not lost in a dispute.
    error NotLost(bytes32 claimId);
    /// @notice No evaluator can be drawn.
    error NoCandidates();
    error RoundIsClosed();
    /// @notice Nobody opens a round on chain without a signed update for it.
    error NoUpdates();
}
